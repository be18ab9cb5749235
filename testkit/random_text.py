"""Random Unicode made to hit what tokenizers trip over: runs of one class, case, contractions, white space, unassigned code points."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

_POOLS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "stmdrevlSTMDREVLſK'’",
    "0123456789٣½Ⅳ²①一",
    "  \t\n\r\n\r\x0b\x0c\x85\xa0\u2003\u2028\u3000\u1680\u180e\u200b\ufeff\x1c\x1f",
    "的一是不了人我在有他这为之大来以个中上们，。、；：？！（）《》",
    ".,;:!?-_()[]{}<>/\\|@#$%^&*+=~`\"'/",
    "éÀßſÅΣσςŉǅǄıİﬅŁĥµªºʰˈ",
    "\u0300\u0301\u0327\u20dd\u093f\u0e31\u3099\U000e0100\ufe0f\u200d",
    "한국어ひらがなカタカナไทยភាសាالعربيةहिन्दी",
    "😀👩‍👩‍👧🇨🇳👍🏽🦊\U0002a6d6\U00030000\U000323af\U000e0041",
    "\u0378\u0380\u2065\ufdd0\uffff\U0001ffff\U00050000\U0010ffff\ue000\U000f0000",
    "\x00\x01\x07\x1b\x7f\x80\x9f\ufffd▁<0x0A>",
)


def random_texts(n: int, seed: int) -> Iterator[str]:
    """n strings of up to about 24 characters, the same for the same seed."""
    rng = random.Random(seed)
    for _ in range(n):
        pools = rng.choices(_POOLS, k=rng.randint(1, 4))
        parts = []
        for _ in range(rng.randint(0, 8)):
            draw = rng.random()
            if draw < 0.08:
                code = rng.randrange(0x110000)
                parts.append(chr(code) if not 0xD800 <= code < 0xE000 else "'s")
            elif draw < 0.3:
                parts.append(rng.choice("  \n'ſ/") * rng.randint(1, 3))
            else:
                parts.append("".join(rng.choices(rng.choice(pools), k=rng.randint(1, 4))))
        yield "".join(parts)
