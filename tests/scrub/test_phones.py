"""Telephone numbers by country, by what is said about them, and the long numbers that are none."""

from __future__ import annotations

import pytest

from pipelines.scrub.locales import locale_of
from schemas.recipe import Scrub
from tests.scrub.pii import scrubbed


@pytest.mark.parametrize(
    "number",
    [
        "13800138000",
        "138 0013 8000",
        "138-0013-8000",
        "+8613800138000",
        "+86 138 0013 8000",
        "+86-138-0013-8000",
        "8613800138000",
        "0086 13800138000",
    ],
)
def test_chinese_mobile_numbers_next_to_chinese_text(number: str) -> None:
    assert scrubbed(f"电话{number}。", lang="zh") == "电话<CN_MOBILE>。"
    assert scrubbed(f"({number})", lang="zh") == "(<CN_MOBILE>)"


def test_lists_of_chinese_mobile_numbers() -> None:
    assert scrubbed("13800138000,13900139000 13700137000、13600136000", lang="zh") == "<CN_MOBILE>,<CN_MOBILE> <CN_MOBILE>、<CN_MOBILE>"


@pytest.mark.parametrize("text", ["12800138000", "138001380001", "1380013800", "x13800138000", "0.13800138000", "213800138000"])
def test_near_misses_of_chinese_mobile_numbers_stay(text: str) -> None:
    assert scrubbed(text, lang="zh") == text


def test_a_bare_chinese_mobile_number_in_english_text_needs_a_label() -> None:
    assert scrubbed("record 13800138000 updated", lang="en") == "record 13800138000 updated"
    assert scrubbed("mobile: 13800138000", lang="en") == "mobile: <CN_MOBILE>"


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("call +1 650 253 0000 on weekdays", "en", "call <PHONE> on weekdays"),
        ("+442079460018, then", "en", "<PHONE>, then"),
        ("(650) 253-0000 or 650.253.0001", "en", "<PHONE> or <PHONE>"),
        ("(650) 253-0000(212) 555-1234", "en", "<PHONE><PHONE>"),
        ("650-253-0000,650-253-0001", "en", "<PHONE>,<PHONE>"),
        ("650-253-0000 ext. 123", "en", "<PHONE>"),
        ("020 7946 0018", "en", "<PHONE>"),
        ("Tel. 030/1234567, 0170 1234567", "de", "Tel. <PHONE>, <PHONE>"),
        ("+49 (0)30 1234567", "de", "<PHONE>"),
        ("01 42 68 53 00", "fr", "<PHONE>"),
        ("固话010-62345678转123，", "zh", "固话<PHONE>，"),
        ("03-1234-5678まで", "ja", "<PHONE>まで"),
        ("Phone:\n60-56-85-91", "en", "Phone:\n<PHONE>"),
        ("166-684-7899 fax", "en", "<PHONE> fax"),
        ("phone=6502530000&x", "en", "phone=<PHONE>&x"),
        ("call me at 6502530000 24 hours", "en", "call me at <PHONE> 24 hours"),
        ("+16502530000+442079460018", "en", "<PHONE><PHONE>"),
        ("(0171 1234567) und (030) 1234567", "de", "(<PHONE>) und <PHONE>"),
        ("(+49) 30 1234567", "de", "<PHONE>"),
        ("(+49 30 1234567)", "de", "(<PHONE>)"),
        ("+18765230123", "en", "<PHONE>"),
        ("+(1 650 253 0000", "en", "+(<PHONE>"),
        ("650\u2011253\u20110000", "en", "<PHONE>"),
    ],
)
def test_phone_is_found_to_the_byte(text: str, lang: str, expected: str) -> None:
    assert scrubbed(text, lang=lang) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ISBN 978-3-16-148410-0 and 0-306-40615-2",
        "ISSN 2049-3630",
        "doi:10.1000/182345678 and https://doi.org/10.1145/3292500.3330701",
        "arXiv:2101.12345 and arXiv 1706.03762v5",
        "2024-01-02 12:30 and 02.01.2024 and 20240102 and 1/2/2024",
        "in 1914-1918 and 1939-1945",
        "version 1.234.567.8901",
        "1700000000 1700000000000",
        "2023-10-11T12:13:14.123456",
        "$6502530000 and €650 253 0000",
        "1,234,567,890 and 1.234.567,89",
        "0.3732417216 kg",
        "3.141 592 653 589",
        "order 6502530000",
        "id: 650-253-0000",
        "6502530000",
        "550e8400-e29b-41d4-a716-446655440000",
        "0x6502530000 and deadbeef6502530000",
        "/status/6502530000123",
        "650-253-0000-12ab",
        "pp. 211-227 (2003)",
        "+1 000 000 0000",
        "the cell number is 0000.0003",
        "00000000`00000000 0x12e and 00000003 0x7",
        "123 456 7890",  # no area code begins with 1
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14",
        "12345 67890 12345 67890",
        "Lat 40.712812 -74.006015",
    ],
)
def test_other_long_numbers_stay(text: str) -> None:
    assert scrubbed(text, lang="en") == text


def test_national_formats_follow_the_recipe_the_language_and_the_country_of_the_url() -> None:
    nobody = Scrub(phone_regions=())
    assert scrubbed("020 123 4567", config=nobody) == "020 123 4567"
    assert scrubbed("020 123 4567", config=Scrub(phone_regions=("HU", "NL"))) == "<PHONE>"
    assert scrubbed("01 42 68 53 00", lang="fr", config=nobody) == "<PHONE>"
    assert scrubbed("01 42 68 53 00", url="https://www.mairie.fr/contact", config=nobody) == "<PHONE>"


@pytest.mark.parametrize(
    ("lang", "url", "regions"),
    [
        (None, None, ("US",)),
        ("zh-Hant", "https://example.tw/", ("US", "CN", "TW", "HK")),
        ("en", "http://a.co.uk:80/x", ("US", "GB")),
        (None, "https://example.io/a.fr", ("US",)),
        (None, "https://example.de?x", ("US", "DE")),
        ("xx", "not a url", ("US",)),
        (None, "https://example.zz/", ("US",)),
    ],
)
def test_regions_of_a_place(lang: str | None, url: str | None, regions: tuple[str, ...]) -> None:
    assert locale_of(lang, url, ("US",)).regions == regions


def test_other_regions_of_a_language_and_domains_that_spell_something_count_less() -> None:
    place = locale_of("spa_Latn", "https://example.io/", ("US",))
    assert place.regions == ("US", "ES", "MX")
    assert {"AR", "CL", "IO"} <= set(place.wide)
    assert not set(place.wide) & set(place.regions)


@pytest.mark.parametrize(
    ("text", "lang", "url", "expected"),
    [
        ("Call us on 62889 today.", None, "https://www.example.ac/", "Call us on <PHONE> today."),
        ("Call us on 62889 today.", "en", None, "Call us on 62889 today."),
        ("Phone (712 345)", "ca", None, "Phone (<PHONE>)"),
        ("Reservations: 2212 3411", "es", "https://example.cr/", "Reservations: <PHONE>"),
        ("2212 3411 is the number to call.", "es", None, "<PHONE> is the number to call."),
        ("our number is 011 15-2345-6401.", "es", "https://example.ar/", "our number is <PHONE>."),
        ("The office (8 (301) 123-42-85) is open", "ru", None, "The office (<PHONE>) is open"),
        ("Tel: 8 (912) 345-67-89", "en", None, "Tel: <PHONE>"),
        ("Contact 612 34 56 78 or visit", "en", None, "Contact <PHONE> or visit"),
        ("Contact +229 20 21 12 34 or visit", "en", None, "Contact <PHONE> or visit"),
        ("My number is +251911123456", "en", None, "My number is <PHONE>"),
        ("\u05d8\u05dc\u05e4\u05d5\u05df: +972-50-123-4567", "he", None, "\u05d8\u05dc\u05e4\u05d5\u05df: <PHONE>"),
        ("Phone: 020 7946 0018", "eng_Latn", None, "Phone: <PHONE>"),
        ("numéro : 01 42 68 53 00", "fra_Latn", None, "numéro : <PHONE>"),
        ("see below\n650-253-0000", "en", None, "see below\n<PHONE>"),
    ],
)
def test_language_and_domain_tell_where_a_number_is_from(text: str, lang: str, url: str, expected: str) -> None:
    assert scrubbed(text, lang=lang, url=url) == expected


@pytest.mark.parametrize(
    "text",
    [
        "color: rgb(235 236 240); call it",
        "text-embedding-3: 512-1536",
        "call tree | 7833101 | 7360257 (1.1x)",
        "contact 192.168.1.1 for support",
        "questions took 23.606342 s",
        "in 2004 12 people called 1999 2005",
        "call function 20000006",
        "+1 000 000 0000",
        "contact us, invoice 650-253-0000",
        "My phone or order no. 650 253 0000",
    ],
)
def test_numbers_that_could_be_of_some_country_stay_where_nothing_calls_them_so(text: str) -> None:
    assert scrubbed(text, lang="en") == text


def test_twelve_digits_are_a_japanese_number_only_where_they_are_called_one() -> None:
    assert scrubbed("My Number 123456789018") == "My Number <JP_MY_NUMBER>"
    assert scrubbed("my number 123456789018") == "my number 123456789018"
    assert scrubbed("My Number +251911123404") == "My Number <PHONE>"
