"""One value of every kind that is looked for by default, in the words that it needs, made up for the tests."""

from __future__ import annotations

from typing import Final

_KEY_LINE: Final = "MIICXAIBAAKBgQCqGKukO1De7zhZj6EXAMPLEkLwMqQ1Tt9uYxVb0s3RfPzNhJd"

PLANTED: Final = {
    "secret": ("the key is AKIAQ7RZ4XWBN2LKDMVC here", "AKIAQ7RZ4XWBN2LKDMVC"),
    "private_key": (f"-----BEGIN RSA PRIVATE KEY-----\n{_KEY_LINE}\n-----END RSA PRIVATE KEY-----", _KEY_LINE),
    "url_credentials": ("see https://margaret:tr0ub4dor@files.bakery.org/list now", "margaret:tr0ub4dor"),
    "email": ("write to Jane.Doe@bakery-school.org today", "Jane.Doe@bakery-school.org"),
    "obfuscated_email": ("write to margaret [at] bakery [dot] org soon", "margaret [at] bakery [dot] org"),
    "iban": ("pay to GB82 WEST 1234 5698 7654 32 please", "GB82 WEST 1234 5698 7654 32"),
    "cn_resident_id": ("身份证 11010519491231002X 号", "11010519491231002X"),
    "payment_card": ("card 4539 1488 0343 6467 was used", "4539 1488 0343 6467"),
    "crypto_address": ("send to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa now", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    "it_fiscal_code": ("codice RCCMNL83S18D969H qui", "RCCMNL83S18D969H"),
    "br_cpf": ("CPF 390.533.447-05 dele", "390.533.447-05"),
    "br_cnpj": ("CNPJ 16.727.230/0001-97 dela", "16.727.230/0001-97"),
    "kr_rrn": ("주민등록번호 971013-9019902 입니다", "971013-9019902"),
    "fr_nir": ("NIR 2 95 10 99 126 111 93 ici", "2 95 10 99 126 111 93"),
    "us_itin": ("ITIN 912-90-3456 of his", "912-90-3456"),
    "us_ssn": ("SSN 536-90-4399 of hers", "536-90-4399"),
    "us_ein": ("EIN 94-2841935 of it", "94-2841935"),
    "uk_nino": ("National Insurance no AB123456C there", "AB123456C"),
    "ipv6": ("from 2a00:1450:4001:81b::200e at night", "2a00:1450:4001:81b::200e"),
    "ipv4": ("from 93.184.216.34 at night", "93.184.216.34"),
    "mac": ("card 3c:22:fb:4a:9d:e1 in it", "3c:22:fb:4a:9d:e1"),
    "cn_mobile": ("电话 13800138000 联系", "13800138000"),
    "imei": ("IMEI: 35-209900-176148-1 of it", "35-209900-176148-1"),
    "in_aadhaar": ("Aadhaar: 2341 2341 2346 of him", "2341 2341 2346"),
    "in_pan": ("PAN ACUPA7085R of him", "ACUPA7085R"),
    "uk_nhs": ("NHS number 943 476 5870 of her", "943 476 5870"),
    "de_tax_id": ("Steuer-ID: 36 574 261 809 von ihr", "36 574 261 809"),
    "es_dni": ("mi DNI es 54362315K aqui", "54362315K"),
    "nl_bsn": ("BSN 1112.22.333 van hem", "1112.22.333"),
    "jp_my_number": ("マイナンバー 628547792458 です", "628547792458"),
    "sg_nric": ("NRIC S1234567D of hers", "S1234567D"),
    "us_routing": ("routing number 021000021 of it", "021000021"),
    "bank_account": ("account number: 8721938475 of it", "8721938475"),
    "passport": ("passport no. XG9382049 of his", "XG9382049"),
    "driving_licence": ("driver's license number is A56319335 then", "A56319335"),
    "voter_id": ("voter id XGV4839207 of hers", "XGV4839207"),
    "phone": ("call +1 650 253 0000 after noon", "650 253 0000"),
}  # fmt: skip
"""By kind: (a phrase, the value in it)."""
