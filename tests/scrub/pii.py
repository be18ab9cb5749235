"""Helpers: scrub single texts, and text that is likely to hold private values or to look like them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from hypothesis import strategies as st

from pipelines.scrub.column import scrub_text
from schemas.recipe import Scrub


def texts(values: Sequence[str | None]) -> pa.Array:
    return pa.array(values, pa.large_string())


def scrubbed(text: str, *, lang: str | None = None, url: str | None = None, config: Scrub | None = None) -> str:
    result, _ = scrub_text(texts([text]), texts([lang]), texts([url]), config or Scrub())
    return str(result[0])


PIECES = (
    "jane.doe@example.org", "a@b.com", "邮箱", "用户@例子.中国", "@", ".", "8.8.8.8", "93.184.216.34", "1.2.3.4", "192.168.0.1",
    "2a00:1450:4001:81b::200e", "::1", "std::", "4539 1488 0343 6467", "4539148803436467", "378282246310005",
    "GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "11010519491231002X", "536-90-4399", "536904399", "SSN",
    "13800138000", "+86 138-0013-8000", "电话", "+1 650 253 0000", "(650) 253-0000", "650-253-0001", "030/1234567",
    "0170 1234567", "Tel: ", "call ", "fax", "x123", "version ", "card ", "<PHONE>", "<EMAIL>", "<IPV4>", ">", "2024-01-02",
    "12:30:45", "978-3-16-148410-0", "1234", "7", "+", "(", ")", "-", ",", "，", "。", " ", "\n", "/", ":", "x", "X", "_", "~",
    "\\", "$", "john (at) bakery dot org", "aa:b1:22:33:44:55", "49-01-54-20-32-37", "IMEI 490154203237518", "AB 12 34 56 C",
    "RSSMRA85T10A562S", "111.444.777-35", "DNI 12345678Z", "S1234567D",
    "AKIAIOSFODNN7ABCDEFG", "https://jane:secret@a.org/", "@jane_doe",
    "passport P1234567", "born on 2 May 1980", "DOB: 1980-05-02", "my address is 12 High Street\n",
    "key = 'a8Fk2LmQ90xZp4Tt7Yw1'", "line\n",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "40.712812, -74.006015", "user-0123456789@example.com", "202-555-0123", "192.0.2.7",
    "license plate AB 123",
    "\\", "$", "\u00a0", "\u2011", "word", "слово",
    "１３８００１３８０００", "＠", "（0755）12345678", "４５３９１４８８０３４３６４６７", "ＡＢ", "GB82-WEST-1234-5698-7654-32", "IBAN",
    "EIN 12-3456789", "voter id ABC1234567", "license number D245-938-19-203", "D12-", "-K9", "пётр@почта.рф", "é", " / ", " - ",
    "ETH 0x52908400098527886E0F7030069857D2E4169EE7", "MAC 3C22FB4A9DE1", "NIE X-1234567-L", "_jane@bakery.org_",
)  # fmt: skip

PII_LIKE = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
