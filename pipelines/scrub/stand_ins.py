"""What takes a value's place: its kind's placeholder, a keyed pseudonym, or nothing where the line goes with it.

A pseudonym is made from HMAC-SHA256 of the value without its separators, so spellings of one value share one stand-in and nobody
without the key can try values out. Kinds with a range that is reserved for examples keep their format: nothing in such a range can
be someone's, and it is recognised and left alone later. A number with a check digit has no such range (any well-formed one may be
issued), so those kinds get their placeholder with a keyed code, such as <IBAN_K7Q2M4ZD>.
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

from pipelines.scrub.kinds import placeholder
from pipelines.scrub.reading import plain
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


def key_of(config: Scrub) -> bytes:
    """The key of pseudonyms, b"" where no kind needs one; RecipeError where it is missing or short."""
    if "pseudonym" not in config.modes.values():
        return b""
    return _key(config.pseudonym_key_file)


def fingerprint_of_key(config: Scrub) -> tuple[str, ...]:
    """One line that tells two keys apart and says nothing else of them; none where no kind needs a key."""
    key = key_of(config)
    return (f"key of pseudonyms {hmac.digest(key, b'fingerprint', 'sha256').hex()[:16]}",) if key else ()


@functools.cache
def _key(path: str | None) -> bytes:
    where = f"scrub.pseudonym_key_file = {path!r}" if path else f"the environment's {KEY_VARIABLE}"
    try:
        key = Path(path).read_bytes().strip() if path else os.environ.get(KEY_VARIABLE, "").encode()
    except OSError as error:
        raise RecipeError(f"{where}: cannot be read ({error.strerror}); name a file with the key of pseudonyms") from error
    if len(key) < _MIN_KEY_BYTES:
        raise RecipeError(f"{where} has {len(key)} bytes: give the key of pseudonyms at least {_MIN_KEY_BYTES}, such as 32 random ones")
    return key


def is_stand_in(kind: str, value: bytes) -> bool:
    """Whether the value is a pseudonym in a reserved range; those of other kinds are never found at all."""
    return kind in _RECOGNISED and bool(_RECOGNISED[kind].fullmatch(value))


def pseudonym(kind: str, value: bytes, key: bytes) -> bytes:
    """The stand-in of the value under the key."""
    value = plain(value)
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
