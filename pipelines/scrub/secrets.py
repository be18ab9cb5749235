"""Secrets: keys of well-known services, private keys, addresses of cryptocurrencies, random keys."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import stdnum.bitcoin

from pipelines.scrub.candidates import BEGIN, KEY, Window
from pipelines.scrub.context import is_glued, words_in
from pipelines.scrub.kind import Kind, Span, form, words_of_length
from pipelines.scrub.phrases import Phrase

_KEYS: Final = re.compile(
    rb"(?:(?:AKIA|ASIA)[A-Z2-7]{16}"  # AWS
    rb"|gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{22,255}"
    rb"|xox[abeoprs]-[0-9A-Za-z-]{10,250}"  # Slack
    rb"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # JSON web token
    rb"|[sr]k_(?:live|test)_[A-Za-z0-9]{20,247}"  # Stripe
    rb"|sk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{32,250}"
    rb"|AIza[A-Za-z0-9_-]{35}"  # Google
    rb"|glpat-[A-Za-z0-9_-]{20,64}|npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,40}"
    rb"|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"
    rb"|pypi-AgE[A-Za-z0-9_-]{50,250}|sq0(?:csp|atp)-[A-Za-z0-9_-]{22,43}|AKCp[0-9][A-Za-z0-9]{58,78}|dop_v1_[0-9a-f]{64}"
    rb"|shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}|GOCSPX-[A-Za-z0-9_-]{28})(?![A-Za-z0-9_])"  # JFrog, DigitalOcean, Shopify, Google
)
_EXAMPLE: Final = re.compile(rb"example|x{6}|0{8}|1234567890?abc", re.IGNORECASE)
_PEM: Final = (
    rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    rb"(?:[^-]|-(?!----(?:BEGIN|END) )){0,24000}+(?:-----END [A-Z0-9 ]{1,40}-----)?"
)
"""A possible private key in PEM, however its lines are written (in comments, quoted, indented, in strings); `find_private_key` decides."""
_PEM_END: Final = b"-----END "
_BASE64_LINE: Final = re.compile(rb"[A-Za-z0-9+/=]{16,}")
_CUT_OFF: Final = re.compile(
    rb"-----BEGIN [^-]+-----(?:[^A-Za-z0-9+/]{1,40}[A-Za-z0-9+/=]{40,200}){1,400}(?:[^A-Za-z0-9+/]{1,40}[A-Za-z0-9+/]{1,79}={1,2})?"
)

_BASE58: Final = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PLACE: Final = {byte: place for place, byte in enumerate(_BASE58)}
_ETHEREUM: Final = re.compile(rb"0x(?!0{8}|f{8})[0-9A-Fa-f]{40}")
_WALLET_CUE: Final = re.compile(r"wallet|\beth(?:er|ereum)?\b|\bdonat|\bsend|\btips?\b|钱包", re.IGNORECASE)
_KEY_WORDS: Final = ("key", "token", "secret", "passw", "pwd", "auth", "credential", "密钥", "口令", "密码")
_KEY_HINTS: Final = tuple(word.encode() for word in _KEY_WORDS)
_KEY_CUE: Final = re.compile("|".join(_KEY_WORDS), re.IGNORECASE)
_KEY_ASSIGNED: Final = re.compile(r"[=:：]\s*[\"'`]?\Z|[\"'`]\Z")
_MIN_KEY: Final = 20
_MIN_ENTROPY: Final = 3.7  # bits per character; words and numbers stay below
_HEX: Final = re.compile(rb"[0-9a-f]+|[0-9A-F]+")


def find_secret(window: Window) -> Iterator[Span]:
    """A key in the format of the service that issued it, unless it says that it is an example."""
    match = _KEYS.match(window.value)
    if match and not (window.before[-1:].isalnum() or _EXAMPLE.search(match[0])):
        yield match.span()


def find_private_key(window: Window) -> Iterator[Span]:
    """The text from BEGIN to END, if most of it is base64; if END is missing, BEGIN and the lines of base64 after it."""
    value = window.value
    end = value.rfind(_PEM_END)
    if end < 0:
        if match := _CUT_OFF.match(value):
            yield match.span()
        return
    between = value[value.index(b"KEY") : end]
    if 2 * sum(len(line) for line in _BASE64_LINE.findall(between)) >= sum(len(word) for word in between.split()):
        yield 0, len(value)


def find_crypto_address(window: Window) -> Iterator[Span]:
    """A base58check address of 25 bytes (Bitcoin and similar), a bech32 address of Bitcoin, or an Ethereum address after words of payment.

    Ethereum's own checksum (EIP-55) does not help: programs have addresses like people, and most addresses in texts are theirs.
    """
    if is_glued(window):
        return
    value = window.value
    if _ETHEREUM.fullmatch(value):
        if _WALLET_CUE.search(words_in(window.before)):
            yield 0, len(value)
    elif (26 <= len(value) <= 35 and _is_base58check(value)) or (value[:3].lower() == b"bc1" and stdnum.bitcoin.is_valid(value.decode())):
        yield 0, len(value)


def _is_base58check(value: bytes) -> bool:
    number = 0
    for byte in value:
        place = _PLACE.get(byte)
        if place is None:
            return False
        number = number * 58 + place
    if number >> 200:
        return False
    raw = number.to_bytes(25)
    return hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def find_key(window: Window) -> Iterator[Span]:
    """A long word of random letters and digits after a name such as key or token (KEY of ROOTS)."""
    value = window.value
    if len(value) < _MIN_KEY or is_glued(window):
        return
    before = words_in(window.before)
    if not (_KEY_CUE.search(before) and _KEY_ASSIGNED.search(before)) or _EXAMPLE.search(value):
        return
    least = 3.0 if _HEX.fullmatch(value) else _MIN_ENTROPY
    if _entropy(value) >= least:
        yield 0, len(value)


def _entropy(value: bytes) -> float:
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


PRIVATE_KEY: Final = Kind(
    "private_key",
    Phrase(re.compile(rb"(?P<value>" + _PEM + rb")"), form=BEGIN, before=8, after=25_000),
    find_private_key,
    "PEM, base64",
)
SECRET: Final = Kind("secret", form(KEY), find_secret, "format of the service")
CRYPTO_ADDRESS: Final = Kind("crypto_address", words_of_length(26, 62), find_crypto_address, "base58check, bech32 or hex of Ethereum")
KEY_VALUE: Final = Kind("key", words_of_length(20, 128), find_key, "entropy, words before", _KEY_HINTS)
