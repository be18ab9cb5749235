"""Language profiles: what stands in them, and that clean prose of other languages passes."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
import zstandard

from pipelines.filters.limits import looser
from pipelines.filters.profile_limits import CLEAN_PROSE
from pipelines.filters.profiles import NEUTRAL, PROFILES
from pipelines.filters.registry import REGISTRY
from pipelines.filters.tables import profile_tables
from pipelines.filters.verdict import signal_of
from pipelines.text.words import split_words
from schemas.recipe import RULE_SETS
from testkit.prose import is_prose, paragraphs
from tests.filters.helpers import chain_of, documents
from tests.text.strategies import column

PROSE = Path(__file__).parents[3] / "shared" / "data" / "prose"
SETS = ["gopher_repetition", "gopher_quality", "c4", "fineweb"]
LANGUAGES = ["en", "zh", "ja", "th", "ru", "ar", "de", "fr", "es"]
MORE = ["cs", "el", "et", "eu", "hu", "id", "ko", "pl", "pt", "ro", "sl", "sr", "sw", "tr", "uk", "vi"]


def _rows(lang: str) -> list[dict[str, str]]:
    with (PROSE / f"{lang}.jsonl.zst").open("rb") as file:
        return [json.loads(line) for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8")]


def test_english_has_the_published_limits_and_what_keeps_clean_prose() -> None:
    assert PROFILES["en"].limits == {}
    assert PROFILES["en"].keeps == CLEAN_PROSE
    assert PROFILES["en"].stop_words == {"the", "be", "to", "of", "and", "that", "have", "with"}


@pytest.mark.parametrize("code", sorted(PROFILES))
def test_a_profile_is_something_that_the_rules_can_use(code: str) -> None:
    profile = PROFILES[code]
    for limit in (*profile.limits, *profile.keeps):
        rule_set, name = limit.split(".")
        rule_set = rule_set.partition(":")[0]
        assert name in {field.name for field in dataclasses.fields(RULE_SETS[rule_set])}
        assert signal_of(name) in REGISTRY[rule_set].signals or name in ("min_line_words", "max_line_upper_ratio")
    assert split_words(column(sorted(profile.stop_words))).counts.tolist() == [1] * len(profile.stop_words)
    assert set(profile.sentence_ends) - set("…") <= set(profile.terminal_punctuation) & set(profile.line_ends)
    assert len(profile.stop_words) >= 8 or code in ("th", "lo", "km", "my", "bo", "dz", "und")


def test_stop_words_that_the_rules_see_as_several_words_are_refused() -> None:
    with pytest.raises(ValueError, match="the stop word 'two words'"):
        profile_tables([dataclasses.replace(NEUTRAL, stop_words=frozenset({"two words"}))])


@pytest.mark.skipif(not PROSE.is_dir(), reason="the labelled prose is not there")
@pytest.mark.parametrize("lang", ["zh", "th", "ru", "ar", "de", "es", "vi", "tr", "hi"])
def test_clean_articles_pass_in_every_language(lang: str) -> None:
    """Encyclopaedia paragraphs without mark-up; C4's ban on curly brackets is left out, as it is about code."""
    texts = [row["text"] for row in _rows(lang) if row["source"] == "deepmind/xquad"]
    assert len(texts) > 15
    _, dropped = chain_of(SETS, **{"filters.c4.max_curly_brackets": "off"})(documents(texts))
    assert dropped.num_rows <= len(texts) * 0.05, dropped.column("reason").value_counts()


SENTENCES = {
    "en": ("It rained. We stayed in! Why not?", "They left!"),
    "zh": ("下雨了。我们没出去！为什么？", "他走了；"),
    "ja": ("雨が降った。家にいた！なぜ？", "彼は去った…"),
    "km": ("ភ្លៀងធ្លាក់។យើងនៅផ្ទះ៕", "ហេតុអ្វី?"),
    "my": ("မိုးရွာသည်။အိမ်မှာနေသည်။", "ဘာကြောင့်လဲ။"),
    "bo": ("ཆར་པ་བབས། ཁྱིམ་ལ་བསྡད། ", "ཅིའི་ཕྱིར།"),
    "ar": ("نزل المطر. هل بقينا؟ نعم!", "ذهبوا؛"),
    "ur": ("بارش ہوئی۔ ہم رکے۔", "کیوں؟"),
    "hi": ("बारिश हुई। हम रुके॥", "क्यों?"),
    "bn": ("বৃষ্টি হলো। আমরা থাকলাম।", "কেন?"),
    "hy": ("Անձրև եկավ։ Մենք մնացինք։", "Ինչո՞ւ:"),
    "el": ("Έβρεξε. Μείναμε μέσα; Ναι!", "Γιατί;"),
    "am": ("ዝናብ ዘነበ። ቤት ቆየን። ", "ለምን፧"),
    "ru": ("Шёл дождь. Мы остались! Почему?", "Они ушли…"),
}


@pytest.mark.parametrize("lang", sorted(SENTENCES))
def test_sentences_end_as_the_script_ends_them(lang: str) -> None:
    """Each first text has as many sentences as it has ends; each second line ends in terminal punctuation."""
    sentences, line = SENTENCES[lang]
    assumed = {"filters.language.assume": lang, "filters.c4.min_line_words": "off"}
    n_ends = sum(char in PROFILES.get(lang, NEUTRAL).sentence_ends for char in sentences)
    assert chain_of(["c4"], **assumed).measure(documents([sentences])).column("c4.sentences").to_pylist() == [n_ends] != [0]
    measured = chain_of(["fineweb"], **assumed).measure(documents([line]))
    assert measured.column("fineweb.terminal_line_ratio").to_pylist() == [1]


@pytest.mark.parametrize(
    ("lang", "text", "n"), [("th", "ฝนตกหนัก", 7), ("lo", "ຝົນຕົກ", 4), ("km", "ភ្លៀង", 3), ("my", "မိုးရွာ", 2), ("ja", "雨が降った", 5)]
)
def test_in_a_script_without_spaces_each_letter_with_its_marks_is_a_word(lang: str, text: str, n: int) -> None:
    measured = chain_of(["gopher_quality"], **{"filters.language.assume": lang}).measure(documents([text]))
    assert measured.column("gopher_quality.words").to_pylist() == [n]


@pytest.mark.parametrize("code", sorted(PROFILES))
def test_what_keeps_clean_prose_acts_on_signals_alone_and_is_no_stricter_than_published(code: str) -> None:
    for limit, value in PROFILES[code].keeps.items():
        rule_set, name = limit.replace(":datatrove", "").split(".")
        assert REGISTRY[rule_set].only_decides(name)
        assert looser(name, getattr(RULE_SETS[rule_set](), name), value) == value


@pytest.mark.skipif(not PROSE.is_dir(), reason="the labelled prose is not there")
@pytest.mark.parametrize("rule_set", [*SETS, "refinedweb", "roots"])
@pytest.mark.parametrize("lang", LANGUAGES + MORE)
def test_of_clean_prose_no_more_than_a_twentieth_is_removed(lang: str, rule_set: str) -> None:
    rows = _rows(lang)
    prose = [paragraphs(row["text"], lang) for row in rows]
    texts = [text for text, fits in zip(prose, is_prose([row["text"] for row in rows], prose, [lang] * len(rows)), strict=True) if fits]
    assert len(texts) > 15
    _, dropped = chain_of([rule_set], **{"filters.language.assume": lang})(documents(texts))
    assert dropped.num_rows <= 0.05 * len(texts), dropped.column("reason").value_counts()


BOOKS = ("ELTeC", "100_english_novels", "osbooks", "xquad", "aozorabunko", "wikipedia")


@pytest.mark.skipif(not PROSE.is_dir(), reason="the labelled prose is not there")
@pytest.mark.parametrize("rule_set", SETS)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_books_and_encyclopaedias_pass_as_they_are(lang: str, rule_set: str) -> None:
    texts = [row["text"] for row in _rows(lang) if any(name in row["source"] for name in BOOKS)]
    assert len(texts) > 15
    _, dropped = chain_of([rule_set], **{"filters.language.assume": lang})(documents(texts))
    assert dropped.num_rows <= max(1, 0.05 * len(texts)), dropped.column("reason").value_counts()


@pytest.mark.skipif(not PROSE.is_dir(), reason="the labelled prose is not there")
@pytest.mark.parametrize(("rule_set", "most"), [("gopher_repetition", 0.12), ("gopher_quality", 0.06), ("c4", 0.01), ("fineweb", 0.09)])
def test_most_english_documentation_passes_with_its_mark_up_if_it_is_long_enough(rule_set: str, most: float) -> None:
    texts = [row["text"] for row in _rows("en")]
    long_enough = {f"filters.{name}": "off" for name in ("gopher_quality.min_words", "c4.min_sentences")}
    _, dropped = chain_of([rule_set], **{"filters.language.assume": "en"}, **long_enough)(documents(texts))
    assert dropped.num_rows <= most * len(texts), dropped.column("reason").value_counts()
