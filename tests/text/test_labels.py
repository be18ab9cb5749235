"""Labels of the three schemes, and what a recipe means by a language."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.filters.fasttext_sgd import fit
from pipelines.filters.identify import identify
from pipelines.filters.limits import Languages
from pipelines.filters.profiles import PROFILES
from pipelines.text.labels import code_of, kept_labels, scripts_of, split_label
from pipelines.text.scripts import script_bits
from schemas.errors import RecipeError
from schemas.recipe import ClassifierTraining, Language
from tests.filters.helpers import chain_of, documents, outcome, recipe_of
from tests.text.strategies import column

SENTENCES = {
    "eng": ["the river rises in a valley and runs past the old villages", "she said that they have been here before with the others"],
    "cmn": ["这条 河 发源于 老 采石场 以北 的 一个 浅谷", "流经 四个 村庄 最后 汇入 大海"],
    "arb": ["ينبع النهر من واد ضحل شمال المحجر القديم", "ويمر بأربع قرى قبل أن يصل إلى البحر"],
}
SCHEMES = {
    "lid176": {"eng": "en", "cmn": "zh", "arb": "ar"},
    "glotlid": {"eng": "eng_Latn", "cmn": "cmn_Hani", "arb": "arb_Arab"},
    "openlid": {"eng": "eng_Latn", "cmn": "zho_Hans", "arb": "arb_Arab"},
}


@pytest.mark.parametrize(
    ("label", "code", "script"),
    [
        ("en", "en", None),
        ("zho_Hans", "zh", "Hans"),
        ("cmn_Hani", "zh", "Hani"),
        ("zh-TW", "zh", None),
        ("zh-Hant-TW", "zh", "Hant"),
        ("arb_Arab", "ar", "Arab"),
        ("ary_Arab", "ary", "Arab"),
        ("jpn", "ja", None),
        ("swh_Latn", "sw", "Latn"),
        ("xx_Latn", "xx", "Latn"),
        ("als", "als", None),
        ("als_Latn", "sq", "Latn"),
        ("", "", None),
    ],
)
def test_a_label_is_a_code_and_a_script(label: str, code: str, script: str | None) -> None:
    assert split_label(label) == (code, script)
    assert code_of(label) == code


@pytest.mark.parametrize(
    ("labels", "wanted", "kept"),
    [
        (["en", "zh", None], ["en"], ["en"]),
        (["eng_Latn", "zho_Hans", "zho_Hant", "fra_Latn"], ["en", "zh"], ["eng_Latn", "zho_Hans", "zho_Hant"]),
        (["zho_Hans", "zho_Hant"], ["zho_Hant"], ["zho_Hant"]),
        (["cmn_Hani", "yue_Hani"], ["zho"], ["cmn_Hani"]),
        (["zh", "en"], ["zho_Hans"], ["zh"]),
        (["srp_Cyrl", "srp_Latn"], ["sr_Latn"], ["srp_Latn"]),
        (["und"], ["en"], []),
    ],
)
def test_a_recipe_names_a_language_in_any_scheme(labels: list[str | None], wanted: list[str], kept: list[str]) -> None:
    assert kept_labels(labels, wanted) == kept


@pytest.mark.parametrize(
    ("label", "scripts"),
    [("ja", "Jpan"), ("jpn_Jpan", "Jpan"), ("zho_Hant", "Hani"), ("de", "Latn"), ("hy", "Armn"), ("kor_Hang", "Kore")],
)
def test_the_scripts_of_a_label_are_known(label: str, scripts: str) -> None:
    assert scripts_of(label) & script_bits(scripts)
    assert not scripts_of(label) & script_bits("Thai")


def test_a_label_of_no_known_language_or_script_is_written_in_anything() -> None:
    assert scripts_of("xx") == scripts_of("xx_Zzzz") == 0


@pytest.fixture(scope="module", params=sorted(SCHEMES))
def scheme(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """(path of a small model, its labels by language)."""
    folder = tmp_path_factory.mktemp(request.param)
    labels = SCHEMES[request.param]
    taught = [(labels[lang], sentence) for lang, sentences in SENTENCES.items() for sentence in sentences]
    path = folder / "train.txt"
    path.write_text("".join(f"__label__{label} {sentence}\n" for label, sentence in taught))
    targets = np.array([sorted(labels.values()).index(label) for label, _ in taught])
    config = ClassifierTraining(dim=8, epoch=200, lr=0.5, word_ngrams=1, bucket=10)
    model = fit(path, column([f"{sentence} </s>" for _, sentence in taught]), targets, config)
    model.save_model(str(folder / "lid.bin"))
    return str(folder / "lid.bin"), labels


def test_profiles_and_the_list_of_languages_work_with_any_scheme(scheme: tuple[str, dict[str, str]]) -> None:
    model, labels = scheme
    batch = documents([" ".join(sentences) for sentences in SENTENCES.values()])
    lang, score = identify(batch.column("raw_text"), Language(model=model))
    assert lang.to_pylist() == list(labels.values())
    assert min(score.to_pylist()) > 0.65
    numbers = Languages.of(recipe_of([]).filters)
    assert numbers.profile(lang).tolist() == [numbers.numbers[code] for code in ("en", "zh", "ar")]
    chain = chain_of(["language"], **{"filters.language.model": model, "filters.language.keep": ["en", "zho"]})
    assert outcome(chain, batch) == [None, None, "language.keep"]


def test_a_text_in_a_script_that_the_models_languages_are_not_written_in_is_of_no_language(scheme: tuple[str, dict[str, str]]) -> None:
    model, _ = scheme
    lang, score = identify(column(["ܒܪܫܝܬ ܐܝܬܘܗܝ ܗܘܐ ܡܠܬܐ", "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ", SENTENCES["eng"][0], "12"]), Language(model=model))
    assert lang.to_pylist()[:2] == ["und", "und"]
    assert score.to_pylist()[:2] == [0, 0]
    assert lang.to_pylist()[2] in ("en", "eng_Latn")
    assert lang.to_pylist()[3] is None


def test_a_recipes_profile_is_found_by_any_name_of_its_language() -> None:
    filters = recipe_of([], **{"filters.profiles.eng.gopher_quality.min_words": 7, "filters.profiles.zho_Hant.c4.min_sentences": 4}).filters
    languages = Languages.of(filters)
    profile = languages.profile(column(["en", "eng_Latn", "zho_Hant", "zho_Hans"]))
    assert languages.limits["gopher_quality"].of("min_words", profile).tolist()[:2] == [7, 7]
    assert languages.limits["c4"].of("min_sentences", profile).tolist()[2:] == [4, 3]
    of_chinese = PROFILES["zh"].limits["gopher_quality.min_words"]
    assert languages.limits["gopher_quality"].of("min_words", profile).tolist()[2:] == [of_chinese, of_chinese]


def test_one_language_under_two_names_is_refused() -> None:
    filters = recipe_of([], **{"filters.profiles.en.c4.min_sentences": 1, "filters.profiles.eng.c4.min_sentences": 2}).filters
    with pytest.raises(RecipeError, match=r"filters\.profiles\.eng: .*'en'"):
        Languages.of(filters)


def test_a_language_that_is_hardly_told_lends_no_stop_words() -> None:
    languages = Languages.of(recipe_of([]).filters)
    lang, unsure = column(["tr", "zh", "xx", "und"]), np.array([0.49, 0.49, 0.49, 0.0])
    number = languages.numbers
    assert languages.profile(lang, unsure).tolist() == [number["und"], number["zh"], number["und"], number["und"]]
    assert languages.profile(lang, unsure + 0.5).tolist() == [number["tr"], number["zh"], 0, number["und"]]
