"""Keyed pseudonyms that replace private values.

A pseudonym is made from HMAC-SHA256 of the value without its separators, so all spellings of a value share one pseudonym, and nobody
can test guesses without the key. Kinds with a range reserved for examples keep their format: a value in such a range belongs to nobody,
and is recognised and left alone later. A number with a check digit has no such range (any well-formed one may be issued), so those kinds
get their placeholder with a keyed code, such as <IBAN_K7Q2M4ZD>.
"""

from __future__ import annotations

import base64
import functools
import hmac
import ipaddress
import os
import re
from pathlib import Path
from typing import Final

from pipelines.scrub.kind import placeholder
from pipelines.scrub.reading import value_as_read
from schemas.errors import RecipeError
from schemas.recipe.scrub import KEY_VARIABLE, Scrub

_AREAS: Final = (202, 205, 212, 303, 305, 312, 404, 412, 415, 503, 512, 602, 612, 617, 702, 713, 804, 808, 901, 907)
_EXAMPLE_NETWORKS: Final = (b"192.0.2.", b"198.51.100.", b"203.0.113.")  # RFC 5737
_RECOGNISED: Final = {
    "email": re.compile(rb"user-[0-9a-f]{10}@example\.com"),
    "phone": re.compile(rb"(?:\+1 )?\d{3}-555-01\d\d"),
}
_MIN_KEY_BYTES: Final = 16
_JOINTS: Final = re.compile(rb"[\s().\-/\xc2\xa0]")


def pseudonym_key(config: Scrub) -> bytes:
    """The key of pseudonyms, b"" if no kind needs one; RecipeError if it is missing or too short."""
    if "pseudonym" not in config.modes.values():
        return b""
    return _key(config.pseudonym_key_file)


def key_fingerprint(config: Scrub) -> tuple[str, ...]:
    """One line that differs between keys and reveals nothing else; empty if no kind needs a key."""
    key = pseudonym_key(config)
    return (f"key of pseudonyms {hmac.digest(key, b'fingerprint', 'sha256').hex()[:16]}",) if key else ()


@functools.cache
def _key(path: str | None) -> bytes:
    where = f"scrub.pseudonym_key_file = {path!r}" if path else f"the environment's {KEY_VARIABLE}"
    try:
        key = Path(path).read_bytes().strip() if path else os.environ.get(KEY_VARIABLE, "").encode()
    except OSError as error:
        raise RecipeError("CM-SCRUB-002", f"{where}: cannot be read ({error.strerror}); pass a file with the key") from error
    if len(key) < _MIN_KEY_BYTES:
        raise RecipeError(
            "CM-SCRUB-003",
            f"{where} has {len(key)} bytes; the key of pseudonyms needs at least {_MIN_KEY_BYTES}, for example 32 random ones",
        )
    return key


def is_pseudonym(kind: str, value: bytes) -> bool:
    """Whether the value is a pseudonym in a reserved range; pseudonyms of other kinds are never found at all."""
    return kind in _RECOGNISED and bool(_RECOGNISED[kind].fullmatch(value))


def pseudonym(kind: str, value: bytes, key: bytes) -> bytes:
    """The pseudonym of the value under the key."""
    value = value_as_read(value)
    canonical = value.lower() if kind == "email" else _JOINTS.sub(b"", value).upper()
    digest = hmac.digest(key, kind.encode() + b"\0" + canonical, "sha256")
    number = int.from_bytes(digest[:8])
    match kind:
        case "email":
            return b"user-%s@example.com" % digest[:5].hex().encode()
        case "phone":
            local = b"%d-555-01%02d" % (_AREAS[number % len(_AREAS)], number // len(_AREAS) % 100)
            return b"+1 " + local if value.startswith(b"+") else local
        case "ipv4":
            return _EXAMPLE_NETWORKS[number % 3] + b"%d" % (1 + number // 3 % 254)
        case "ipv6":
            return str(ipaddress.IPv6Address(0x20010DB8 << 96 | number)).encode()
        case "mac":
            return b"00:00:5e:00:53:%02x" % digest[0]  # RFC 7042
        case _:
            return b"%b_%b>" % (placeholder(kind)[:-1], base64.b32encode(digest[:5]))
