"""Text in capitals, decomposed or in disguise is told as what it is."""

from __future__ import annotations

import unicodedata

import pytest

from pipelines.filters import model
from pipelines.filters.identify import identify, sample_text
from pipelines.filters.plain_letters import plain_letters, to_plain_letters
from schemas.recipe import Language
from tests.text.strategies import column

needs_model = pytest.mark.skipif(not model.cached_path().is_file(), reason="the language model is not there; `make model` fetches it")

TEXTS = {
    "en": "The river rises in a shallow valley north of the old quarry and runs past four villages before it meets the sea. ",
    "fr": "La rivière prend sa source dans une vallée étroite au nord de la carrière et traverse quatre villages avant la mer. ",
    "ru": "Река берёт начало в неглубокой долине к северу от старого карьера и течёт мимо четырёх деревень к морю. ",
    "el": "Ο ποταμός πηγάζει από μια ρηχή κοιλάδα βόρεια του παλιού λατομείου και περνά από τέσσερα χωριά πριν από τη θάλασσα. ",
    "tr": "Irmak, eski taş ocağının kuzeyindeki sığ bir vadide doğar ve denize ulaşmadan önce dört köyün yanından geçer. ",
    "pl": "Rzeka wypływa z płytkiej doliny na północ od starego kamieniołomu i mija cztery wsie, zanim wpadnie do morza. ",
    "vi": "Con sông bắt nguồn từ một thung lũng nông ở phía bắc mỏ đá cũ và chảy qua bốn ngôi làng trước khi ra biển. ",
    "ko": "강은 오래된 채석장 북쪽의 얕은 골짜기에서 시작하여 네 마을을 지나 바다로 흘러간다. 물은 맑고 차갑다. ",
    "ja": "川は古い採石場の北にある浅い谷から始まり、四つの村を通ってから海へと注いでいる。ガラスのように澄んでいる。",
    "ka": "მდინარე იწყება ძველი კარიერის ჩრდილოეთით მდებარე ხეობაში და ზღვამდე ოთხ სოფელს გაივლის. ",
    "ar": "ينبع النهر من واد ضحل شمال المحجر القديم ويمر بأربع قرى قبل أن يصل إلى البحر وماؤه صاف وبارد. ",
    "hi": "नदी पुरानी खदान के उत्तर में एक उथली घाटी से निकलती है और समुद्र से मिलने से पहले चार गाँवों से होकर बहती है। ",
}
HALF_WIDTH = {unicodedata.normalize("NFKC", char): char for char in map(chr, range(0xFF66, 0xFF9E))}
ISOLATED = {"ا": "ﺍ", "ل": "ﻝ", "ن": "ﻥ", "ه": "ﻩ", "ر": "ﺭ", "م": "ﻡ", "و": "ﻭ", "ي": "ﻱ", "ب": "ﺏ", "ق": "ﻕ", "ع": "ﻉ"}
NARROW_CAPITALS = dict(zip("abcdefghijklmnopqrstuvwxyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡxʏᴢ", strict=True))


def styled(text: str, capital: int, small: int) -> str:
    """ASCII letters moved to where `capital` and `small` are the first of their style."""
    return "".join(
        chr(ord(char) - 65 + capital) if "A" <= char <= "Z" else chr(ord(char) - 97 + small) if "a" <= char <= "z" else char
        for char in text
    )


def capitals_of_turkish(text: str) -> str:
    return text.replace("i", "İ").upper()


def without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", text) if char != "\u0301")


def test_a_text_with_a_capital_in_every_word_is_read_in_lower_case_and_german_as_it_is() -> None:
    german = "Der Fluss entspringt in einem flachen Tal im Norden des alten Steinbruchs und fließt an vier Dörfern vorbei zum Meer"
    titles = [TEXTS["fr"].title(), TEXTS["ru"].title(), TEXTS["pl"].title()]
    read = to_plain_letters(column([*titles, german])).to_pylist()
    assert read == [*(title.lower() for title in titles), german]


KANA = "カワハフルイサイセキジョウノキタニアルアサイタニカラハジマリ"
_ACCENTED = ("fr", "ru", "el", "vi", "tr")
DISGUISES = {
    **{f"capitals {lang}": (lang, TEXTS[lang].upper()) for lang in ("en", "fr", "ru", "el", "pl", "vi", "ka")},
    **{
        f"decomposed {lang}": (lang, unicodedata.normalize("NFD", TEXTS[lang])) for lang in ("fr", "ru", "el", "vi", "ko", "ja", "hi", "tr")
    },
    "capitals of Greek without accents": ("el", without_accents(TEXTS["el"]).upper()),
    "capitals of Turkish": ("tr", capitals_of_turkish(TEXTS["tr"])),
    "capitals, decomposed": ("vi", unicodedata.normalize("NFD", TEXTS["vi"].upper())),
    "half in capitals": ("en", TEXTS["en"].upper() + TEXTS["en"]),
    "full width": ("en", styled(TEXTS["en"], 0xFF21, 0xFF41)),
    "full width, with spaces of it": ("en", styled(TEXTS["en"], 0xFF21, 0xFF41).replace(" ", "\u3000").replace(".", "．")),
    "mathematical bold": ("en", styled(TEXTS["en"], 0x1D400, 0x1D41A)),
    "mathematical capitals": ("en", styled(TEXTS["en"].upper(), 0x1D5D4, 0x1D5EE)),
    "circled": ("en", styled(TEXTS["en"], 0x24B6, 0x24D0)),
    "negative squared": ("en", styled(TEXTS["en"].upper(), 0x1F170, 0x1F170)),
    "small capitals": ("en", "".join(NARROW_CAPITALS.get(char, char) for char in TEXTS["en"])),
    "soft hyphens": ("en", TEXTS["en"].replace("r", "r\u00ad").replace("l", "l\u00ad")),
    "zero-width spaces": ("en", "\u200b".join(TEXTS["en"])),
    "marks of direction": ("ar", "\u202b" + TEXTS["ar"].replace("ن", "ن\u200f") + "\u202c"),
    "presentation forms": ("ar", "".join(ISOLATED.get(char, char) for char in TEXTS["ar"])),
    "half-width kana": ("ja", "".join(HALF_WIDTH.get(char, char) for char in unicodedata.normalize("NFD", KANA))),
    "joiners": ("hi", TEXTS["hi"].replace("्", "्\u200d")),
    "addresses and mark-up": (
        "fr",
        TEXTS["fr"].replace(" ", " https://example.org/a?x=1 ").replace("vallée", "<b>vallée</b> jo@example.org"),
    ),
    "marks and digits": ("en", TEXTS["en"].replace(" ", " !!!!!! 123456 ")),
}


@needs_model
@pytest.mark.parametrize("name", sorted(DISGUISES))
def test_a_text_in_disguise_is_told_as_what_it_is(name: str) -> None:
    lang, text = DISGUISES[name]
    found, score = identify(column([text * 5]), Language())
    assert found.to_pylist() == [lang]
    assert score.to_pylist()[0] >= 0.65


@pytest.mark.parametrize("lang", sorted(TEXTS))
def test_ordinary_text_is_read_as_it_stands(lang: str) -> None:
    words = column([unicodedata.normalize("NFC", TEXTS[lang])])
    assert to_plain_letters(words).to_pylist() == words.to_pylist()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Ｔｈｅ ｒｉｖｅｒ", "The river"),
        ("THE NASA", "the nasa"),
        ("The NASA report", "The NASA report"),
        ("İSTANBUL KIYISI", "istanbul kıyısı"),
        ("ＯＤΟΣ ΟΔΟΣ", "odος οδος"),
        ("ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ", "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ"),
        ("e\u0301te\u0301", "été"),
        ("한국어".replace("한국어", unicodedata.normalize("NFD", "한국어")), "한국어"),
        ("ｶﾞﾗｽ", "ガラス"),
        ("ﻻ ﷲ", "لا الله"),
        ("oﬃce ﬁsh", "office fish"),
        ("⽤⼾", "用戶"),
        ("co\u00adope\u00adrate \ufeffwell", "cooperate well"),
        ("ភាសា\u200bខ្មែរ", "ភាសា ខ្មែរ"),
        ("می\u200cشود", "می\u200cشود"),
        ("1º Mᵐᵉ", "º Mme"),
        ("ⒽⒺⓁⓁⓄ", "hello"),
        ("①②", ""),
    ],
)
def test_letters_are_read_as_models_know_them(text: str, read: str) -> None:
    assert sample_text(column([text])).to_pylist() == [read]


def test_letters_of_other_styles_stand_for_letters_alone() -> None:
    assert all(unicodedata.category(char)[0] in "LM" for letters in plain_letters().values() for char in letters)
    assert not {ord(char) for char in "éßñºªµ½²①㎏ｱ"} - {ord("ｱ")} & plain_letters().keys()
