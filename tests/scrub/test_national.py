"""National and tax numbers, accounts and papers: right ones go, one digit off or without their words they stay."""

from __future__ import annotations

import pytest

from schemas.recipe import PII_KINDS, Scrub
from tests.scrub.pii import scrubbed

EVERY = Scrub(kinds=PII_KINDS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ITIN 912-90-3456.", "ITIN <US_ITIN>."),
        ("NI: AB 12 34 56 C.", "NI: <UK_NINO>."),
        ("National Insurance no AB123456C", "National Insurance no <UK_NINO>"),
        ("NHS number 943 476 5870", "NHS number <UK_NHS>"),
        ("Steuer-ID: 36 574 261 809", "Steuer-ID: <DE_TAX_ID>"),
        ("NIR 2 95 10 99 126 111 93", "NIR <FR_NIR>"),
        ("mi DNI es 54362315K.", "mi DNI es <ES_DNI>."),
        ("DNI 54362315-K", "DNI <ES_DNI>"),
        ("NI number AB 123456 C", "NI number <UK_NINO>"),
        ("NIE X2482300W", "NIE <ES_DNI>"),
        ("codice RCCMNL83S18D969H,", "codice <IT_FISCAL_CODE>,"),
        ("BSN 1112.22.333", "BSN <NL_BSN>"),
        ("390.533.447-05", "<BR_CPF>"),
        ("CPF 39053344705", "CPF <BR_CPF>"),
        ("16.727.230/0001-97", "<BR_CNPJ>"),
        ("Aadhaar: 2341 2341 2346", "Aadhaar: <IN_AADHAAR>"),
        ("PAN ACUPA7085R", "PAN <IN_PAN>"),
        ("주민등록번호 971013-9019902", "주민등록번호 <KR_RRN>"),
        ("マイナンバー 628547792452", "マイナンバー 628547792452"),
        ("NRIC S1234567D", "NRIC <SG_NRIC>"),
        ("IMEI: 35-209900-176148-1", "IMEI: <IMEI>"),
        ("routing number 021000021", "routing number <US_ROUTING>"),
        ("account number: 8721938475", "account number: <BANK_ACCOUNT>"),
        ("passport no. XG9382049", "passport no. <PASSPORT>"),
        ("护照号码：E12345678", "护照号码：<PASSPORT>"),
        ("driver's license number is A56319335", "driver's license number is <DRIVING_LICENCE>"),
        ("车牌京A12345。", "车牌<NUMBER_PLATE>。"),
        ("license plate AB12 CDE", "license plate <NUMBER_PLATE>"),
        ("born on 2 May 1980 in", "born on <DATE_OF_BIRTH> in"),
        ("出生日期：1980年5月2日", "出生日期：<DATE_OF_BIRTH>"),
        ("né le 12/05/1980", "né le <DATE_OF_BIRTH>"),
        ("Address: 12 High Street, London\nnext", "Address: <POSTAL_ADDRESS>\nnext"),
        ("at 40.712812, -74.006015.", "at <GPS>."),
    ],
)
def test_numbers_of_persons_are_found(text: str, expected: str) -> None:
    assert scrubbed(text, config=EVERY) == expected


@pytest.mark.parametrize(
    "text",
    [
        "NHS number 9434765871",
        "9434765870 items",
        "Steuer-ID: 36574261890",
        "2 95 10 99 126 111 94",
        "DNI 54362315A",
        "54362315K",
        "RCCMNL83S18D969A",
        "390.533.447-06",
        "16.727.230/0001-98",
        "Aadhaar: 2341 2341 2347",
        "PAN ACUXA7085R",
        "ACUPA7085R",
        "971013-9019903",
        "NRIC S1234567A and S1234567D-1",
        "35-209900-176148-1",
        "routing number 021000022",
        "AB123456C is a part",
        "AB 123456 C is a part",
        "OO 12 34 56 D",
        "the passport 2024 edition",
        "a licence plate is needed",
        "born on the 4th of July",
        "The address is not known",
        "1.5000, 2.5000 and 123.4567, 12.3456",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert scrubbed(text, config=EVERY) == text


@pytest.mark.parametrize(
    "text",
    [
        "pandas 2.31.0.1 and 10.2.3.4567",
        "ISBN 978-0-306-40615-7, 0306406152",
        "doi:10.1016/j.cell.2011.02.013",
        "| 1234567 | 7654321 | 123-456-789 |",
        "x = [6502530000, 6502530001]",
        "const t = 1700000000123;",
        "10.0.0.7 fe80::1 192.0.2.1",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_versions_books_tables_and_code_stay(text: str) -> None:
    assert scrubbed(text) == text
