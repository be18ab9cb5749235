"""Addresses that are spelled out, and numbers that a label or their format alone tells."""

from __future__ import annotations

import pytest

from schemas.recipe import PII_KINDS, Scrub
from tests.scrub.pii import scrubbed

EVERY = Scrub(kinds=PII_KINDS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jane.roe [at] mailbox [dot] org", "<OBFUSCATED_EMAIL>"),
        ("write to john at gmail.com please", "write to <OBFUSCATED_EMAIL> please"),
        ("mail me at john.smith at outlook.com", "mail me at <OBFUSCATED_EMAIL>"),
        ("jane AT yahoo DOT com", "<OBFUSCATED_EMAIL>"),
        ("jane_roe[at]mailbox.org", "<OBFUSCATED_EMAIL>"),
        ("jane(@)mailbox.org or {jane{at}mailbox{dot}org}", "<OBFUSCATED_EMAIL> or {<OBFUSCATED_EMAIL>}"),
    ],
)
def test_a_spelled_address_is_found_by_default(text: str, expected: str) -> None:
    assert scrubbed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "look at google.com and available at github.com",
        "the team at yahoo.com",
        "he works at booking.com now",
        "an array[at] of [dot] products",
        "connect the dot at once",
        "see us at gmail. Then",
    ],
)
def test_what_only_reads_like_a_spelled_address_stays(text: str) -> None:
    assert scrubbed(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NI: AB 12 34 56 C", "NI: <UK_NINO>"),
        ("NI no. AB 123456 C", "NI no. <UK_NINO>"),
        ("National Insurance number: ZY123456T", "National Insurance number: <UK_NINO>"),
        ("MORGA657054SM9IJ", "<DRIVING_LICENCE>"),
        ("licence MORGA 657054 SM9IJ 35.", "licence <DRIVING_LICENCE>."),
        ("driver no. D1234567", "driver no. <DRIVING_LICENCE>"),
        ("DoB 12.03.1985", "DoB <DATE_OF_BIRTH>"),
        ("geb. 1. 2. 1985", "geb. <DATE_OF_BIRTH>"),
        ("date of birth: 12. 3. 1985", "date of birth: <DATE_OF_BIRTH>"),
        ("SSN 219-09-9999", "SSN <US_SSN>"),
        ("account number 76983425K", "account number <BANK_ACCOUNT>"),
        ("IBAN: GB00 WEST 1234 5698 7654 32", "IBAN: <IBAN>"),
        ("bank account number GB12345678901", "bank account number <BANK_ACCOUNT>"),
        ("bank account number GB99ABCD12345678", "bank account number <BANK_ACCOUNT>"),
        ("bank account number GB99ABCD123456123456789", "bank account number <BANK_ACCOUNT>"),
        ("bank account number GB99ABCD12345612345678", "bank account number <IBAN>"),
        ("from mx ([IPv6:2607:f8b0:4864:20::52d])", "from mx ([IPv6:<IPV6>])"),
        ("Join?uri=sip%3Ajane@mailbox.org", "Join?uri=sip%3A<EMAIL>"),
    ],
)
def test_a_number_that_a_label_or_its_format_tells_is_found_to_the_byte(text: str, expected: str) -> None:
    assert scrubbed(text, lang="en", config=EVERY) == expected


@pytest.mark.parametrize(
    "text",
    ["route NI 12 34 56", "ABCDE123456AB1CD is a serial", "MORGA659954SM9IJ has no such month", "2400:1:2 and :2607:f8b0:4864:20::52d"],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert scrubbed(text, lang="en", config=EVERY) == text
