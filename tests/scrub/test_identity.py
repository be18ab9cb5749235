"""Cards, IBANs and identity numbers: valid ones go, one digit off stays."""

from __future__ import annotations

import pytest

from pipelines.scrub.candidates import Window
from tests.scrub.pii import scrubbed


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4539 1488 0343 6467",
        "4539-1488-0343-6467",
        "4539\u00a01488\u00a00343\u00a06467",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "3530111333300000",
        "30569309025904",
        "6200000000000005",
        "6212345678900000003",
    ],
)
def test_card_numbers_of_every_network_are_found(number: str) -> None:
    assert scrubbed(f"付款{number}。") == "付款<PAYMENT_CARD>。"
    assert scrubbed(f"({number})") == "(<PAYMENT_CARD>)"


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # check digit
        "4539 1488 0343 6468",
        "1234567812345670",  # passes Luhn, but nobody issues 1...
        "411111111111111",  # 15 digits are no Visa
        "0.4111111111111111",
        "x4111111111111111",
        "id=4111111111111111",
        "4111 1111 1111 1111 1111 1111",
        "4111-1111 1111-1111",
        "4660046610375530309",  # a Fibonacci number that is a Visa number of 19 digits
        "630427373398",
    ],
)
def test_what_is_no_card_stays(text: str) -> None:
    assert scrubbed(text, config=None) == text


def test_short_card_numbers_need_the_word() -> None:
    assert scrubbed("my card number 630427373398 is lost") == "my card number <PAYMENT_CARD> is lost"


def test_an_expiry_date_after_a_card_stays() -> None:
    assert scrubbed("4539 1488 0343 6467 12/25") == "<PAYMENT_CARD> 12/25"


@pytest.mark.parametrize("number", ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "gb82west12345698765432", "NO9386011117947"])
def test_iban_is_found_in_groups_or_in_one_piece(number: str) -> None:
    assert scrubbed(f"账户{number}，") == "账户<IBAN>，"
    assert scrubbed(f"IBAN: {number}.") == "IBAN: <IBAN>."


@pytest.mark.parametrize(
    "text",
    [
        "GB82 WEST 1234 5698 7654 33",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "DE893704004405320130001",
        "zDE89370400440532013000",
    ],
)
def test_iban_with_wrong_check_digits_length_or_country_stays(text: str) -> None:
    assert scrubbed(text) == text


@pytest.mark.parametrize(
    "number", ["11010519491231002X", "11010519491231002x", "440524188001010014".replace("1880", "1980"), "110105 19491231 002X"]
)
def test_chinese_identity_number_needs_its_check_digit(number: str) -> None:
    from stdnum.cn import ric

    compact = number.replace(" ", "")
    valid = compact[:-1] + ric.calc_check_digit(compact)
    number = number[:-1] + valid[-1]
    assert scrubbed(f"身份证{number}。") == "身份证<CN_RESIDENT_ID>。"
    wrong = number[:-1] + ("1" if valid[-1] != "1" else "2")
    assert scrubbed(wrong, lang="zh") == wrong


@pytest.mark.parametrize("prefix", ["11010519491331", "11010519490230", "99010519491231", "11010518491231", "11010529491231"])
def test_chinese_identity_number_needs_a_region_and_a_day_of_birth(prefix: str) -> None:
    from stdnum.cn import ric

    number = prefix + "002" + ric.calc_check_digit(prefix + "0020")
    assert scrubbed(number, lang="zh") == number


def test_social_security_number_with_hyphens_or_with_its_name() -> None:
    assert scrubbed("(536-90-4399)") == "(<US_SSN>)"
    assert scrubbed("SSN: 536904399") == "SSN: <US_SSN>"
    assert scrubbed("social security 536 90 4399") == "social security <US_SSN>"


@pytest.mark.parametrize(
    "text", ["536904399", "000-12-3456", "666-12-3456", "900-12-3456", "536-00-4399", "536-90-0000", "1536-90-4399", "536-90-43990"]
)
def test_what_is_no_social_security_number_stays(text: str) -> None:
    assert scrubbed(text) == text


def test_a_window_shows_sizes_only() -> None:
    assert repr(Window(b"secret", b"value", b"")) == "Window(6, 5, 0 bytes)"
    assert "secret" not in f"{Window(b'secret', b'value', b'')!r}"
