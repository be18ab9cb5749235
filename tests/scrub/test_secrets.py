"""Keys, credentials, hardware and money addresses; and the examples, hashes and annotations that are none."""

from __future__ import annotations

import pytest

from schemas.recipe import PII_KINDS, Scrub
from tests.scrub.pii import scrubbed

EVERY = Scrub(kinds=PII_KINDS)
PEM = "-----{} RSA PRIVATE KEY-----"
JWT = ".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiJqYW5lIn0", "c2lnbmF0dXJlLW9mLWphbmU"))


@pytest.mark.parametrize(
    "secret",
    [
        "AKIA" + "Q3EGRZ7LHTM2WXCV",
        "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
        "xoxb-" + "123456789012-abcdefGHIJKL",
        "sk_live_" + "a1B2c3D4e5F6g7H8i9J0k1L2",
        "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
        "SG." + "a1B2c3D4e5F6g7H8i9J0kL" + "." + "m1N2o3P4q5R6s7T8u9V0w1X2y3Z4a5B6c7D8e9F0g1H",
        "pypi-AgE" + "IcHlwaS5vcmcCJDE2" * 4,
        "sq0csp-" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6",
        "dop_v1_" + "0a1b2c3d" * 8,
        "shpat_" + "0a1b2c3d" * 4,
        "GOCSPX-" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4",
        JWT,
    ],
)
def test_keys_of_services_are_found_to_the_byte(secret: str) -> None:
    assert scrubbed(f'token = "{secret}"') == 'token = "<SECRET>"'
    assert scrubbed(f"密钥{secret}，") == "密钥<SECRET>，"


@pytest.mark.parametrize("text", ["AKIAIOSFODNN7EXAMPLE", "AKIAQ3EGRZ7LHTM2WXCVQ", "eyJhbGciOiJIUzI1NiJ9", "ghp_short1", "xoxb-1", "sk-1"])
def test_examples_and_pieces_of_keys_stay(text: str) -> None:
    assert scrubbed(text) == text


def test_a_private_key_goes_with_its_lines() -> None:
    text = "\n".join(["before", PEM.format("BEGIN"), "MIIEpAIBAAKCAQEA1c7+9z5Pad7Oej", "q0+3==", PEM.format("END"), "after"])
    assert scrubbed(text) == "before\n<PRIVATE_KEY>\nafter"
    assert scrubbed("-----BEGIN CERTIFICATE-----\nMIIE1\n-----END CERTIFICATE-----").startswith("-----BEGIN")


KEY_LINES = [PEM.format("BEGIN"), "MIIEpAIBAAKCAQEA1c7+9z5Pad7OejvGQy0TzWJ5c2/abcdEFGHijklMNOPqrsT", "q0+3uVwXyZ01", PEM.format("END")]


@pytest.mark.parametrize("before", ["# ", "#", "// ", " * ", "> ", "> > ", "    ", "\t", "-- ", "; ", "REM ", "% ", "+", "| ", "12: "])
def test_a_private_key_in_lines_with_anything_before_them_goes(before: str) -> None:
    text = "a\n" + "\n".join(before + line for line in KEY_LINES) + "\nb"
    assert scrubbed(text) == f"a\n{before}<PRIVATE_KEY>\nb"


@pytest.mark.parametrize(
    ("first", "between", "last"),
    [
        ('{"private_key": "', "\\n", '\\n"}'),
        ("'", "\\r\\n", "'"),
        ('"{\\"private_key\\": \\"', "\\\\n", '\\\\n\\"}"'),
        ('key = (\n    "', '\\n"\n    "', '\\n"\n)'),
        ("var key = '", "\\n' +\n  '", "';"),
        ("var key = [\n  '", "',\n  '", "'].join();"),
        ('const char *key = "', "\\n\\\n", '";'),
        ("<pre>", "<br>\n", "</pre>"),
        ("", "\r\n", ""),
        ("", " ", ""),
    ],
)
def test_a_private_key_in_a_string_of_a_program_goes(first: str, between: str, last: str) -> None:
    assert scrubbed(f"a {first}{between.join(KEY_LINES)}{last} b") == f"a {first}<PRIVATE_KEY>{last} b"


def test_a_private_key_with_headers_in_a_quotation_goes() -> None:
    headers = ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF", ""]
    lines = [KEY_LINES[0], *headers, KEY_LINES[1], KEY_LINES[1], *KEY_LINES[2:]]
    assert scrubbed("\n".join(f"> {line}" for line in lines)) == "> <PRIVATE_KEY>"


def test_a_private_key_that_is_cut_off_goes_up_to_where_it_ends() -> None:
    text = "\n".join(f"# {line}" for line in (KEY_LINES[0], KEY_LINES[1], KEY_LINES[1], "q0+3uVwXyZ0="))
    assert scrubbed(f"{text}\n# A comment.") == "# <PRIVATE_KEY>\n# A comment."


@pytest.mark.parametrize(
    "text",
    [
        f"A key begins with {PEM.format('BEGIN')} and it ends with {PEM.format('END')}.",
        f'if line == "{PEM.format("BEGIN")}":\n    return read_the_lines_of_it(line)\nelif line == "{PEM.format("END")}": return None',
        f"# {PEM.format('BEGIN')}\n# and nothing more",
        "# -----BEGIN PUBLIC KEY-----\n# MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n# -----END PUBLIC KEY-----",
    ],
)
def test_talk_about_private_keys_stays(text: str) -> None:
    assert scrubbed(text) == text


@pytest.mark.parametrize(
    "address", ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]
)
def test_addresses_of_cryptocurrencies_need_their_checksum(address: str) -> None:
    assert scrubbed(f"send to {address}.") == "send to <CRYPTO_ADDRESS>."
    wrong = address[:-1] + ("4" if address[-1] != "4" else "5")
    assert scrubbed(f"send to {wrong}.") == f"send to {wrong}."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://jane:s3cret!@bakery.org/x", "https://<URL_CREDENTIALS>@bakery.org/x"),
        ("dev 3c:22:fb:1a:07:9e up", "dev <MAC> up"),
        ("dev AC-DE-48-00-11-22", "dev <MAC>"),
        ("jane (at) bakery (dot) org", "<OBFUSCATED_EMAIL>"),
        ("mail jane dot doe at bakery dot org now", "mail <OBFUSCATED_EMAIL> now"),
        ("jane [at] bakery.org", "<OBFUSCATED_EMAIL>"),
        ("thanks to @jane_doe for it", "thanks to <USER> for it"),
        ("api_key = 'a8Fk2LmQ90xZp4Tt7Yw1Bv6'", "api_key = '<KEY>'"),
    ],
)
def test_credentials_and_handles_are_found(text: str, expected: str) -> None:
    assert scrubbed(text, config=EVERY) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://user:password@host.org/",
        "ff:ff:ff:ff:ff:ff 00:00:00:00:00:00 01:00:5e:00:00:fb 00:11:22:33:44:55",
        "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
        "2024-01-02-03-04-05-06",
        "look at bakery.org (at home)",
        "@Override\npublic void run1()",
        " * @param name\n// @ts_ignore",
        "commit = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b'",
        "key = 'the_name_of_the_thing_1'",
    ],
)
def test_examples_fingerprints_and_annotations_stay(text: str) -> None:
    assert scrubbed(text, config=EVERY) == text
