"""E-mail and IP addresses, and what looks like them."""

from __future__ import annotations

import pytest

from schemas.recipe import Scrub
from tests.scrub.pii import scrubbed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("邮箱abc@example.com，请联系", "邮箱<EMAIL>，请联系"),
        ("发送至abc@example.com邮箱。", "发送至<EMAIL>邮箱。"),
        ("联系abc@例子.中国谢谢", "联系<EMAIL>谢谢"),
        ("Jane <jane.doe+news@mail.example.co.uk>.", "Jane <<EMAIL>>."),
        ("mailto:o'neil@example.org?subject=x", "mailto:<EMAIL>?subject=x"),
        ("an jo@müller.de.", "an <EMAIL>."),
        ("Ask bob@example.com.It was late.", "Ask <EMAIL>.It was late."),
        ("见jane@example.org。señor", "见<EMAIL>。señor"),
        ("见jane@example.org。be\u0323a", "见<EMAIL>。be\u0323a"),
        ("JANE@EXAMPLE.COM", "<EMAIL>"),
        ("to=jane@example.com&x=1", "to=<EMAIL>&x=1"),
        ("a@b.com,c@d.org;e@f.net", "<EMAIL>,<EMAIL>;<EMAIL>"),
        ("x@xn--bcher-kva.xn--p1ai", "<EMAIL>"),
        ("role: info@example.org", "role: <EMAIL>"),
    ],
)
def test_email_is_found_to_the_byte(text: str, expected: str) -> None:
    assert scrubbed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "git clone git@github.com:owner/name.git",
        "npm install lodash@4.17.21 @types/node@20.1.0",
        "@app.route and @pytest.mark.parametrize",
        "@user@mastodon.social wrote",
        "root@localhost",
        "icon@2x.png and icon@2x.zip",
        "https://user@example.com/path",
        "y = x@w.to(device)",
        "x@y.is_contiguous",
        "user@host.notatopdomain",
        "a @ b.com",
        "....@example.com",
    ],
)
def test_what_only_looks_like_an_email_stays(text: str) -> None:
    assert scrubbed(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 93.184.216.34.", "from <IPV4>."),
        ("服务器93.184.216.34，端口", "服务器<IPV4>，端口"),
        ("http://93.184.216.34:8080/x", "http://<IPV4>:8080/x"),
        ("(93.184.216.34)", "(<IPV4>)"),
        ("93.184.216.34/24", "<IPV4>/24"),
        ("93.184.216.34-93.184.216.99", "<IPV4>-<IPV4>"),
        ("ping 8.8.8.8 and 203.0.112.7", "ping <IPV4> and <IPV4>"),
    ],
)
def test_public_ipv4_is_found(text: str, expected: str) -> None:
    assert scrubbed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1 172.16.5.4 192.168.1.1 127.0.0.1 169.254.1.1 100.64.0.1 0.0.0.0 255.255.255.0",
        "192.0.2.1 198.51.100.7 203.0.113.9 224.0.0.251",
        "version 93.184.216.34",
        "v93.184.216.34 and Chrome/120.0.216.34",
        "版本93.184.216.34",
        "1.2.3.4.5 and 1.3.6.1.4.1.311",
        "256.1.1.1 and 01.02.03.04 and 999.999.999.999",
        "see ANSI 3.5.2.1 and 2.4.1.3 Scope",
        "93.184.216.34-beta",
        "lib-93.184.216.34.jar",
        "93.184.216.34.5",
    ],
)
def test_private_documentation_and_dotted_numbers_stay(text: str) -> None:
    assert scrubbed(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at 2a00:1450:4001:81b::200e.", "at <IPV6>."),
        ("地址2a00:1450:4001:081b:0000:0000:0000:200e。", "地址<IPV6>。"),
        ("[2606:4700:4700::1111]:443", "[<IPV6>]:443"),
        ("2606:4700::/32", "<IPV6>/32"),
        ("IPv6:2606:4700:4700::1111", "IPv6:<IPV6>"),
    ],
)
def test_global_ipv6_is_found(text: str, expected: str) -> None:
    assert scrubbed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "::1 fe80::1 fc00::1 ff02::1",
        "2001:db8::1 2001:0db8:85a3::8a2e:370:7334",
        "12:30:45 and 2024:01:02:03",
        "00:1a:2b:3c:4d and 00:1a:2b:3c:4d:5e:6f",
        "std::vector a::b dead::beef",
        "x2a00:1450:4001:81b::200e",
        "2a00:1450:4001:81b::200eg",
        "2a00:1450:4001:81b::200e_x",
        "2a00::1::2",
        "Python 3000::",
    ],
)
def test_times_hardware_addresses_and_scopes_stay(text: str) -> None:
    assert scrubbed(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "0.12345, 0.67891",
        "from 2.49999, -2.49999",
        "12.34567, 45.67891, 78.91234, 11.22334",
        "x 1.23456; 2.34567; 3.45678",
        "5.12345\t6.12345, 7.12345",
        "7, 6.12345, 7.12345",
    ],
)
def test_rows_of_decimals_are_no_places(text: str) -> None:
    assert scrubbed(text, config=Scrub(kinds=("gps",))) == text


@pytest.mark.parametrize("before", ["lat/lon: ", "GPS ", "coordinates 12, ", "坐标："])
def test_decimals_that_are_called_a_place_are_one_in_a_row_too(before: str) -> None:
    assert scrubbed(f"{before}40.712812, -74.006015, 10.5", config=Scrub(kinds=("gps",))) == f"{before}<GPS>, 10.5"
    assert scrubbed("at 40.712812, -74.006015.", config=Scrub(kinds=("gps",))) == "at <GPS>."
