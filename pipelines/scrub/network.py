"""E-mail, IP and hardware addresses, credentials in URLs, handles and coordinates in candidate windows."""

from __future__ import annotations

import functools
import ipaddress
import itertools
import re
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import tldextract

from pipelines.scrub.candidates import (
    AT,
    DOT,
    HANDLE,
    HYPHEN,
    IPV6,
    MAC,
    MIN_DIGITS,
    NUMBER,
    SLASH,
    WRITTEN,
    Candidates,
    Window,
    separators,
)
from pipelines.scrub.context import is_glued, words_in
from pipelines.scrub.kind import Kind, Span, either, form, words_of_length
from pipelines.scrub.phrases import Phrase
from pipelines.scrub.scan_words import PROVIDERS

_LABEL: Final = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")
_ASCII_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_LONGEST_TLD: Final = 24
# Latin letters beyond ASCII, and marks over the letter before: "jane@mail.org。señor" ends at "org".
_WORD_GOES_ON: Final = re.compile("[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-\u036f\u1e00-\u1eff]")
_ITALIC_END: Final = re.compile(rb"@[^_]+_")
# Letters of names that end outside ASCII, in Latin, Greek or Cyrillic. Other scripts run into the words before, so the host decides.
_FOREIGN_LETTERS: Final = re.compile(rb"(?:[\xc3-\xd4][\x80-\xbf]|[A-Za-z0-9._%+-])*[\xc3-\xd4][\x80-\xbf]\Z")
_ANY_LETTERS: Final = re.compile(rb"(?:[\xc3-\xdf][\x80-\xbf]|[\xe1\xe3-\xed][\x80-\xbf][\x80-\xbf]|[A-Za-z0-9._%+-]){1,40}\Z")
_ESCAPES: Final = re.compile(rb".*%[0-9A-Fa-f]{2}")
_IN_URL: Final = re.compile(rb"//[^\s/@]*\Z")
_RETINA_IMAGE: Final = re.compile(r"\d+x\Z")  # icon@2x.zip
# Top domains that are also names of methods: `x@w.to(device)` multiplies matrices.
_METHODS: Final = frozenset(("to", "is", "at", "do", "run", "map", "as", "dot"))

_QUAD: Final = rb"(?:\d{1,3}\.){3}\d{1,3}"
_IPV4: Final = re.compile(rb"(%b)(?:/\d{1,2}\Z|-(%b)\Z|\Z)" % (_QUAD, _QUAD))
_VERSION: Final = re.compile(
    r"(?:\b(?:versions?|ver|rev|revision|release|releases|build|firmware|driver|update|upgrade|patch|assembly|section|sect|clause|chapter"
    r"|table|figure|fig|appendix|article|rule|requirement|oid)\b|\b[vr]|§|版本|章|节|節)[\s.:=#\"'(>≥<~^]{0,6}\Z|[A-Za-z]/\Z",
    re.IGNORECASE,
)
_ADDRESS_CUE: Final = re.compile(
    r"\b(?:ips?|ipv4|address|addr|hosts?|server|gateway|dns|ping|ssh|telnet|proxy|subnet|network|router|client|login|from)\b|://\Z|@\Z|地址|服务器|服務器",
    re.IGNORECASE,
)
_PORT_OR_MASK: Final = re.compile(rb"[:/]\d")
_LARGEST_SECTION: Final = 63  # numbers of sections and versions do not exceed it: 2.4.1.3
_IPV6_LABEL: Final = re.compile(rb"(?:(?<![A-Za-z0-9])ip(?:v?6)?|address|addr|host|server|[/g-z_])\s?:\Z", re.IGNORECASE)
_IPV6_END: Final = re.compile(rb"[0-9A-Fa-f:]*[0-9A-Fa-f](?:::)?")
_DISGUISE: Final = re.compile(rb"[(\[{<]\s?(?:at|@)\s?[)\]}>]|\s-?dot-?\s|[(\[{<]\s?dot\s?[)\]}>]|_at_|-at-", re.IGNORECASE)
_WRITTEN_DOT: Final = re.compile(rb"\s?[(\[{<]\s?(?:dot|\.)\s?[)\]}>]\s?|\s-?dot-?\s", re.IGNORECASE)
_WRITTEN_AT: Final = re.compile(rb"\s?[(\[{<]\s?(?:at|@)\s?[)\]}>]\s?|\s[_-]at[_-]\s|\sat\s", re.IGNORECASE)
_AT_PROVIDER: Final = re.compile(rb"(?P<name>\S+)\sat\s(?:%b)\.[A-Za-z.]{2,12}" % b"|".join(PROVIDERS), re.IGNORECASE)
# "the team at gmail.com", "look at yahoo.com"
_NO_NAME: Final = re.compile(
    rb"(?:[a-z]{1,2}|a[nr]e?|and|available|based|down|here|hosted|it|look(?:ed|ing)?|now|page|people|person|photos?|search|service|site|started"
    rb"|team|that|them?|there|this|us|users?|was|were|work(?:s|ed|ing)?|you|accounts?|address(?:es)?|e?-?mails?|me|account|check|visit|online|free)",
    re.IGNORECASE,
)
_CREDENTIALS: Final = re.compile(rb"[A-Za-z0-9]://(?P<pair>[^\s/@:<>\"']{1,64}:[^\s/@<>\"']{0,64})\Z")
_NO_CREDENTIALS: Final = re.compile(rb"\$|\{|^(?:user|username|name|login|foo)?:(?:pass|password|passwd|pwd|secret|bar)?\Z", re.IGNORECASE)
_ROLES: Final = re.compile(
    rb"(?:info|contact|support|sales|admin|administrator|webmaster|postmaster|hostmaster|abuse|noreply|no-reply|press|media|help|office"
    rb"|hello|service|team|jobs|careers|hr|billing|privacy|security|legal|marketing|enquiries|inquiries|feedback|editor|newsletter)@",
    re.IGNORECASE,
)
_HANDLE: Final = re.compile(rb"@(?=[A-Za-z0-9_]*[A-Za-z])[A-Za-z0-9_]{2,39}")
_CODE_AROUND_HANDLE: Final = re.compile(rb"^[\s/*#;!-]*\Z|[\w)\]}\"'`=;/\\.:*#-]\Z")
_CODE_AFTER_HANDLE: Final = re.compile(rb"[(/{=:]|\.[A-Za-z]")
# Hosts without a dot of payment addresses of Indian banks (UPI).
_PAYMENT_HANDLES: Final = frozenset(
    (
        b"oksbi",
        b"okaxis",
        b"okicici",
        b"okhdfcbank",
        b"ybl",
        b"ibl",
        b"axl",
        b"paytm",
        b"upi",
        b"apl",
        b"axisbank",
        b"hdfcbank",
        b"icici",
        b"sbi",
    )
)
_OCTETS: Final = re.compile(rb"[0-9A-Fa-f]{12}")
_CALLED_MAC: Final = re.compile(
    r"(?:\bmac|(?:hardware|ethernet|physical)\s(?:address|addr))\b(?:\saddress|\saddr|地址)?[\s:：=\"']{0,4}\Z", re.IGNORECASE
)
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")


@functools.cache
def _top_domains() -> frozenset[str]:
    """Every top domain of the public suffix list in tldextract, internationalised ones in both spellings."""
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    unicode = {suffix.rsplit(".", 1)[-1].lower() for suffix in extract.tlds}
    return frozenset(unicode | {f"xn--{name.encode('punycode').decode()}" for name in unicode if not name.isascii()})


def find_email(window: Window) -> Iterator[Span]:
    """The address around the `@`, without text that runs into its name or domain."""
    name, _, host = window.value.partition(b"@")
    local = name.lstrip(b".-%+'")
    if name.startswith(b"_") and _ITALIC_END.search(window.value + window.after[:1]):
        local = name.lstrip(b"_*")
    escaped = _ESCAPES.match(local)  # of a URL: ?to=sip%3Ajane@example.org
    local = local[escaped.end() :] if escaped else local
    start = len(name) - len(local)
    if start == 0:
        foreign = (_FOREIGN_LETTERS if name else _ANY_LETTERS).search(window.before)
        if foreign and (name or not host.isascii()):
            local, start = foreign[0] + local, -len(foreign[0])
    if not any(chr(byte).isalnum() for byte in local) or local == b"git":
        return
    if start <= 0 and (window.before.endswith(b"@") or _IN_URL.search(window.before)):
        return
    # An invalid byte becomes one character that is not a letter, so positions stay.
    domain = _domain(host.decode("utf-8", "surrogateescape")) or (host.decode() if host.lower() in _PAYMENT_HANDLES else "")
    if not domain:
        return
    end = len(name) + 1 + len(domain.encode())
    following = window.value[end:] + window.after
    if (following[:1] == b"_" and not name.startswith(b"_")) or (following[:1] == b"(" and domain.rsplit(".", 1)[-1] in _METHODS):
        return
    yield start, end


def _domain(host: str) -> str:
    """The longest beginning of `host` that is a domain under an existing top domain; "" if there is none."""
    ends: list[tuple[int, str]] = []
    at = 0
    for label in host.split("."):
        if at and (top := _top(label)) and not (ends and _WORD_GOES_ON.match(label, len(top))):
            ends.append((at + len(top), top))
        if not _LABEL.fullmatch(label) or (not at and _RETINA_IMAGE.match(label)):
            break
        at += len(label) + 1
    # "jane@mail.org.It was": a capital after small letters begins the next sentence.
    if len(ends) > 1 and ends[-1][1].istitle():
        ends.pop()
    return host[: ends[-1][0]] if ends else ""


def _top(label: str) -> str:
    """The top domain that equals `label`, or that it begins with if text in another script follows directly; else ""."""
    match = _ASCII_LABEL.match(label)
    if match:
        followed = label[match.end() :]
        return match[0] if match[0].lower() in _top_domains() and (not followed or not followed[0].isascii()) else ""
    return next((label[:n] for n in range(min(len(label), _LONGEST_TLD), 0, -1) if label[:n].lower() in _top_domains()), "")


def is_role(address: bytes) -> bool:
    """Whether the address belongs to an office and not to a person, such as info@ or support@."""
    return bool(_ROLES.match(address))


def find_obfuscated_email(window: Window) -> Iterator[Span]:
    """A spelled-out address, such as "jane (at) example dot org", under an existing top domain."""
    at_provider = _AT_PROVIDER.fullmatch(window.value)
    if not _DISGUISE.search(window.value) and (not at_provider or _NO_NAME.fullmatch(at_provider["name"])):
        return
    plain = _WRITTEN_AT.sub(b"@", _WRITTEN_DOT.sub(b".", window.value), count=1)
    host = plain.rpartition(b"@")[2].decode("utf-8", "ignore")
    if b"@" in plain and host and _domain(host) == host:
        yield 0, len(window.value)


def plain_email(value: bytes) -> str:
    """The address in lower case, also if it is spelled out."""
    text = value if b"@" in value and not _DISGUISE.search(value) else _WRITTEN_AT.sub(b"@", _WRITTEN_DOT.sub(b".", value), count=1)
    return text.decode("utf-8", "replace").lower()


def find_url_credentials(window: Window) -> Iterator[Span]:
    """Name and password in https://name:password@host, unless they are those of an example."""
    name = window.value.partition(b"@")[0]
    match = _CREDENTIALS.search(window.before + name)
    if match and not _NO_CREDENTIALS.search(match["pair"]):
        yield len(name) - len(match["pair"]), len(name)


def find_user(window: Window) -> Iterator[Span]:
    """A handle such as @jane_doe within a sentence (USER of ROOTS), unless it looks like an annotation in code."""
    in_code = _CODE_AROUND_HANDLE.search(window.before.rpartition(b"\n")[2]) or _CODE_AFTER_HANDLE.match(window.after)
    if _HANDLE.fullmatch(window.value) and not in_code:
        yield 0, len(window.value)


def find_mac(window: Window) -> Iterator[Span]:
    """A hardware address of one device; without separators only after words that call it one.

    Broadcast, multicast, empty, documentation (RFC 7042) and counting addresses (01:02:03:04:05:06) are not.
    """
    digits = re.sub(rb"[:-]", b"", window.value)
    if not _OCTETS.fullmatch(digits) or (digits == window.value and not _CALLED_MAC.search(words_in(window.before))):
        return
    octets = bytes.fromhex(digits.decode())
    steps = {(after - before) % 256 for before, after in itertools.pairwise(octets)}
    if not (octets[0] & 1 or len(set(octets)) < 3 or octets[:5] == b"\x00\x00\x5e\x00\x53" or len(steps) == 1):
        yield 0, len(window.value)


_NUMBER_BEFORE: Final = re.compile(rb"\d[ \t]*[,;|\t ][ \t]*[-+]?\Z")
_NUMBER_AFTER: Final = re.compile(rb"[ \t]*[,;|\t ][ \t]*[-+]?\.?\d")
_PLACE_CUE: Final = re.compile(r"\b(?:lat|l(?:on|ng)|gps|geo|coord|position|location)|坐标|经纬|座標|координат", re.IGNORECASE)


def find_gps(window: Window) -> Iterator[Span]:
    """A pair of decimal degrees in range, with four decimal places or more.

    A pair within a row of numbers, of two numbers below 1, or of two equal numbers needs a word before it that calls it a place.
    """
    if not re.fullmatch(rb"\d{1,2}\.\d{4,15}", window.value):
        return
    match = re.match(rb"\s?[,;]\s?-?(\d{1,3}\.\d{4,15})(?!\d|\.\d)", window.after)
    if not match or window.before[-1:].isalnum() or window.before[-1:] == b".":
        return
    latitude, longitude = float(window.value), float(match[1])
    beside = _NUMBER_BEFORE.search(window.before) or _NUMBER_AFTER.match(window.after[match.end() :])
    is_row = bool(beside) or max(latitude, longitude) < 1 or latitude == longitude
    if latitude <= 90 and longitude <= 180 and (not is_row or _PLACE_CUE.search(words_in(window.before))):
        yield -(window.before[-1:] == b"-"), len(window.value) + match.end()


def find_ipv4(window: Window) -> Iterator[Span]:
    """Public addresses, unless words call them a version or section; small numbers need words that call them addresses."""
    match = _IPV4.match(window.value)
    shown = Window(window.before, window.value, b"") if window.before.endswith((b"://", b"@")) else window
    if not match or is_glued(shown) or window.before[-1:] == b".":
        return
    before = words_in(window.before)
    if _VERSION.search(before):
        return
    for group in (1, 2):
        if match[group] is not None and _is_public_ipv4(match[group].decode()):
            following = window.value[match.end(group) :] + window.after
            if not _is_numbering(match[group]) or _ADDRESS_CUE.search(before) or _PORT_OR_MASK.match(following):
                yield match.span(group)


def _is_public_ipv4(text: str) -> bool:
    try:
        address = ipaddress.IPv4Address(text)
    except ipaddress.AddressValueError:
        return False
    # x.y.0.0 is a network or a version, never a host.
    return address.is_global and not address.is_multicast and address.packed[2:] != b"\0\0"


def _is_numbering(quad: bytes) -> bool:
    """Whether this could be the number of a section or a version."""
    return all(int(part) <= _LARGEST_SECTION for part in quad.split(b"."))


def find_ipv6(window: Window) -> Iterator[Span]:
    """Addresses in 2000::/3 that are routed, which excludes documentation and tunnels."""
    if (
        (window.before[-1:] in (b":", b".", b"-") and not _IPV6_LABEL.search(window.before))
        or window.after[:1].isalnum()
        or window.after[:1] == b"_"
    ):
        return
    match = _IPV6_END.match(window.value)
    if match:
        try:
            address = ipaddress.IPv6Address(match[0].decode())
        except ipaddress.AddressValueError:
            return
        # 3000:: has one group and belongs to no allocated network.
        if address in _GLOBAL_UNICAST and address.is_global and any(address.packed[2:]):
            yield match.span()


def _dotted_quads(candidates: Candidates) -> npt.NDArray[np.bool_]:
    """1.2.3.4, 1.2.3.4/24, and the ends of 1.2.3.4-1.2.3.9."""
    shown = (separators(DOT, DOT, DOT), separators(DOT, DOT, DOT, SLASH), separators(DOT, DOT, DOT, HYPHEN, DOT, DOT, DOT))
    return (candidates.forms == NUMBER) & np.isin(candidates.separators, shown)


def _decimals(candidates: Candidates) -> npt.NDArray[np.bool_]:
    is_long = candidates.n_digits >= MIN_DIGITS
    return (candidates.forms == NUMBER) & (candidates.separators == separators(DOT)) & is_long


_SPELLED_AT: Final = r"(?:\s?[(\[{<]\s?(?:at|@)\s?[)\]}>]\s?|\s_at_\s|\s-at-\s)"
_SPELLED_DOT: Final = r"(?:\s?[(\[{<]\s?(?:dot|\.)\s?[)\]}>]\s?|\s-?dot-?\s)"
_SPELLED_NAME: Final = r"[A-Za-z0-9_%+-]{1,64}"
_BARE_AT: Final = rf"\sat\s(?=[A-Za-z0-9.-]{{1,63}}{_SPELLED_DOT}|(?:{b'|'.join(PROVIDERS).decode()})\.)"
_OBFUSCATED: Final = Phrase(
    re.compile(
        (
            rf"(?<![A-Za-z0-9._%+-])(?P<value>{_SPELLED_NAME}(?:(?:\.|{_SPELLED_DOT}){_SPELLED_NAME}){{0,4}}(?:{_SPELLED_AT}|{_BARE_AT})[A-Za-z0-9-]{{1,63}}"
            rf"(?:(?:\.|{_SPELLED_DOT})[A-Za-z0-9-]{{1,63}}){{0,4}}(?:\.|{_SPELLED_DOT})[A-Za-z]{{2,24}})(?![A-Za-z0-9_-])"
        ).encode(),
        re.IGNORECASE,
    ),
    form=WRITTEN,
)

URL_CREDENTIALS: Final = Kind("url_credentials", form(AT), find_url_credentials, "URL")
EMAIL: Final = Kind("email", form(AT), find_email, "public suffix list")
OBFUSCATED_EMAIL: Final = Kind("obfuscated_email", _OBFUSCATED, find_obfuscated_email, "public suffix list")
IPV6_ADDRESS: Final = Kind("ipv6", form(IPV6), find_ipv6, "global unicast")
IPV4_ADDRESS: Final = Kind("ipv4", _dotted_quads, find_ipv4, "public ranges")
MAC_ADDRESS: Final = Kind("mac", either(form(MAC), words_of_length(12, 12)), find_mac, "unicast, six octets")
GPS: Final = Kind("gps", _decimals, find_gps, "range")
USER: Final = Kind("user", form(HANDLE), find_user, "format")
