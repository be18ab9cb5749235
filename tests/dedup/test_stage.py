"""The whole room on segment files: what ends in what, and that memory, workers and order of segments do not matter."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.dedup.memory import split_by_quantile
from schemas.hops import SCRUBBED
from schemas.recipe import Dedup, MinHash
from testkit.deduplicate import deduplicate
from tests.dedup.reference import jaccard, shingles

RNG = random.Random(5)
VOCABULARY = ["".join(RNG.choices("abcdefghijklmnop", k=6)) for _ in range(3000)]


def words(n: int, seed: object) -> list[str]:
    return random.Random(str(seed)).choices(VOCABULARY, k=n)


def write_segments(folder: Path, segments: list[list[str]], sources: list[str] | None = None) -> list[Path]:
    """One file per list of texts, in batches of 50 rows."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, texts in enumerate(segments):
        n = len(texts)
        source = sources[number] if sources else "web"
        given = {
            "doc_id": pa.array([f"{number:04d}-{row:011d}".encode() for row in range(n)], pa.binary(16)),
            **{name: pa.array([source] * n, pa.large_string()) for name in ("source", "source_class", "origin_file")},
            "origin_offset": pa.array(range(n), pa.uint64()),
            "part": pa.array([0] * n, pa.uint32()),
            "text": pa.array(texts, pa.large_string()),
        }
        paths.append(folder / f"segment-{number}.arrow")
        table = pa.Table.from_arrays([given.get(f.name, pa.nulls(n, f.type)) for f in SCRUBBED], schema=SCRUBBED)
        with pa.ipc.new_file(str(paths[-1]), SCRUBBED) as writer:
            writer.write_table(table, max_chunksize=50)
    return paths


def row_ref(segment: int, row: int) -> int:
    return segment << 32 | row


def merges_of(config: Dedup, segments: list[Path], folder: Path) -> list[tuple[int, int, str]]:
    merges, _ = deduplicate(config, segments, folder)
    return [(m["row_ref"], m["survivor_ref"], m["reason"]) for m in merges.to_pylist()]


def near(text: list[str], n: int, seed: object) -> list[str]:
    """The text with `n` words changed."""
    changed = list(text)
    for place in random.Random(str(seed)).sample(range(len(text)), n):
        changed[place] = "changed"
    return changed


def test_kinds_run_one_after_the_other_and_survivors_stay(tmp_path: Path) -> None:
    original = words(300, "original")
    segments = write_segments(
        tmp_path / "segments",
        [
            [" ".join(original) + " and the end", " ".join(words(300, 1))],
            [" ".join(original) + " \n", " ".join(original), "", "one word", ""],
        ],
    )
    # (1,0) and (1,1) are equal but for white space, and end as one in (0,0), which is longer. Two empty texts are equal.
    found = merges_of(Dedup(), segments, tmp_path / "run")
    assert found == [
        (row_ref(1, 0), row_ref(0, 0), "minhash"),
        (row_ref(1, 1), row_ref(0, 0), "minhash"),
        (row_ref(1, 4), row_ref(1, 2), "exact"),
    ]


def test_the_survivor_is_of_the_preferred_source_however_short(tmp_path: Path) -> None:
    text = words(200, "x")
    segments = write_segments(tmp_path / "segments", [[" ".join([*text, "more", "words"])], [" ".join(text)]], ["web", "curated"])
    assert merges_of(Dedup(), segments, tmp_path / "plain") == [(row_ref(1, 0), row_ref(0, 0), "minhash")]
    assert merges_of(Dedup(priority=("curated",)), segments, tmp_path / "curated") == [(row_ref(0, 0), row_ref(1, 0), "minhash")]


def test_containment_removes_what_stands_in_a_longer_document(tmp_path: Path) -> None:
    part = words(300, "part")
    segments = write_segments(tmp_path / "segments", [[" ".join(part + words(150, "more")), " ".join(part)]])
    bands = MinHash(bands=40, rows=3, min_jaccard=0.8)
    assert merges_of(Dedup(minhash=bands), segments, tmp_path / "jaccard") == []
    bands = MinHash(bands=40, rows=3, min_containment=0.8)
    assert merges_of(Dedup(minhash=bands), segments, tmp_path / "containment") == [(row_ref(0, 1), row_ref(0, 0), "minhash")]


def test_many_identical_documents_leave_one_and_cost_one_comparison_each(tmp_path: Path) -> None:
    text = " ".join(words(60, "same"))
    segments = write_segments(tmp_path / "segments", [[text] * 3000, ["spam " * 500] * 50])
    merges, counters = deduplicate(Dedup(kinds=("minhash",)), segments, tmp_path / "run")
    assert merges.num_rows == 2999 + 49
    assert set(merges.column("survivor_ref").to_pylist()) == {row_ref(0, 0), row_ref(1, 0)}
    assert counters["candidate_pairs"] <= 2999 + 49 * 50 // 2
    with pytest.MonkeyPatch.context() as patch:  # far less memory than one bucket takes
        patch.setattr("pipelines.dedup.memory.PARTITION_SHARE", 2e-4)
        for kinds in (("minhash",), ("exact", "minhash")):
            small, _ = deduplicate(Dedup(kinds=kinds, memory_mb=64), segments, tmp_path / f"small-{len(kinds)}")
            assert small.column("survivor_ref").to_pylist() == merges.column("survivor_ref").to_pylist()


def test_documents_that_differ_in_numbers_only_all_follow_the_one_of_them_that_was_compared(tmp_path: Path) -> None:
    base = words(300, "same")
    longer = " ".join(near(base, 6, 1)) + " and a longer end"
    segments = write_segments(tmp_path / "segments", [[longer, *(" ".join(base) + f" {number}" for number in range(100))]])
    found = merges_of(Dedup(), segments, tmp_path / "run")
    assert found == [(row_ref(0, row), row_ref(0, 0), "minhash") for row in range(1, 101)]


def drill(sheet: int) -> str:
    numbers = random.Random(sheet)
    return "\n".join(f"Problem {n}: What is {numbers.randrange(9999)} times {numbers.randrange(9999)}?" for n in range(40))


def function(number: int) -> str:
    signs = random.Random(number)
    lines = (
        f"    value = (left {signs.choice('+-*/%&|^<>')} right) {signs.choice('+-*/%&|^<>')} {signs.choice('+-!~')}scale[{n}]"
        for n in range(40)
    )
    return "\n".join(["def combine(left, right, scale):", *lines])


@pytest.mark.parametrize("kinds", [("exact", "minhash"), ("simhash",), ("lines",), ("sentences",)])
@pytest.mark.parametrize("make", [drill, function])
def test_texts_that_differ_in_numbers_or_operators_alone_are_told_apart(
    tmp_path: Path, kinds: tuple[str, ...], make: Callable[[int], str]
) -> None:
    segments = write_segments(tmp_path / "segments", [[make(n) for n in range(20)], [make(0) + "\n"]])
    found = merges_of(Dedup(kinds=kinds), segments, tmp_path / "run")  # type: ignore[arg-type]
    assert len(found) == 1  # the copy of the first
    contained = Dedup(minhash=MinHash(bands=40, rows=3, min_containment=0.8))
    assert len(merges_of(contained, segments, tmp_path / "contained")) == 1


def test_pages_that_differ_in_a_date_a_counter_or_a_hidden_value_are_one(tmp_path: Path) -> None:
    page = " ".join(words(150, "page"))
    fetched = [f"{page} Posted on {day} May 2021. {views} views. Write to <EMAIL>. {page[:200]}" for day, views in ((3, 12), (18, 904))]
    segments = write_segments(tmp_path / "segments", [fetched])
    merges, _ = deduplicate(Dedup(minhash=MinHash(min_jaccard=0.8)), segments, tmp_path / "run")
    assert 0.8 <= merges.column("value")[0].as_py() < 1.0


def test_capitals_width_and_composition_make_no_other_text(tmp_path: Path) -> None:
    """At similarity 1, in German capitals, half-width kana and decomposed Hangul."""
    german = " ".join(f"Die Straße {word} heißt groß, und ﬁnden läßt sie sich" for word in words(40, "de"))
    korean = " ".join(f"한국어 문장 {word} 입니다" for word in words(60, "ko"))
    kana = " ".join(f"ガス パン {word}" for word in words(80, "ja"))
    texts = [german, german.upper(), korean, unicodedata.normalize("NFD", korean), kana, kana.replace("ガ", "ｶﾞ").replace("パ", "ﾊﾟ")]
    merges, _ = deduplicate(Dedup(kinds=("minhash",)), write_segments(tmp_path / "segments", [texts]), tmp_path / "run")
    assert merges.column("value").to_pylist() == [1.0] * 3


def test_short_texts_and_texts_of_marks_alone_are_merged_only_where_they_are_equal(tmp_path: Path) -> None:
    texts = ["Yes.", "No.", "yes", "😀😀😀", "😢😢😢", "...", "!!!", "+ - *", "* - +", "one two three", "one two four", "Yes."]
    segments = write_segments(tmp_path / "segments", [texts])
    with_urls = Dedup(kinds=("url", "exact", "minhash", "simhash"))
    assert merges_of(with_urls, segments, tmp_path / "run") == [(row_ref(0, 11), row_ref(0, 0), "exact")]


def test_protected_documents_stay_and_what_copies_them_ends(tmp_path: Path) -> None:
    text = words(200, "held out")
    longer = " ".join([*text, "a", "longer", "copy"])
    segments = write_segments(tmp_path / "segments", [[longer], [" ".join(text)], [" ".join(text)]], ["web", "test", "valid"])
    assert merges_of(Dedup(protected=("test", "valid")), segments, tmp_path / "run") == [(row_ref(0, 0), row_ref(1, 0), "minhash")]


def test_scope_says_which_copies_count(tmp_path: Path) -> None:
    """0 ~ 1 ~ 2 in a row: 1 and 2 of one source, 0 of another and longest; 0 and 2 are less alike than the limit."""
    middle = words(200, "middle")
    longest = " ".join(near(middle, 4, 1)) + " longest"
    segments = write_segments(tmp_path / "segments", [[longest], [" ".join(middle) + " mid", " ".join(near(middle, 4, 2))]], ["a", "b"])
    minhash = MinHash(bands=40, rows=3, min_jaccard=0.75)

    def found(scope: str) -> list[tuple[int, int, str]]:
        return merges_of(Dedup(scope=scope, minhash=minhash), segments, tmp_path / scope)  # type: ignore[arg-type]

    assert found("all") == [(row_ref(1, 0), row_ref(0, 0), "minhash")]
    assert found("within_source") == [(row_ref(1, 1), row_ref(1, 0), "minhash")]
    # First within b, then what stays of b against a; the one that ended in b follows.
    assert found("local_then_global") == [(row_ref(1, 0), row_ref(0, 0), "minhash"), (row_ref(1, 1), row_ref(0, 0), "minhash")]
    both = Dedup(minhash=MinHash(bands=40, rows=3, clusters="components"))
    assert merges_of(both, segments, tmp_path / "components") == [
        (row_ref(1, 0), row_ref(0, 0), "minhash"),
        (row_ref(1, 1), row_ref(0, 0), "minhash"),
    ]


def test_templated_pages_do_not_fuse_but_their_copies_are_found(tmp_path: Path) -> None:
    """Pages of one site: the same 150 words around 100 of their own; every 50th has a copy with one word changed."""
    template = words(150, "template")
    bodies = [words(100, ("page", page)) for page in range(1500)]
    copies = {1500 + k: 50 * k for k in range(30)}
    bodies += [near(bodies[original], 1, copy) for copy, original in copies.items()]
    texts = [" ".join(template[:75] + body + template[75:]) for body in bodies]
    segments = write_segments(tmp_path / "segments", [texts[:800], texts[800:]])
    config = Dedup(kinds=("minhash",), minhash=MinHash(max_comparisons=16))
    merges, counters = deduplicate(config, segments, tmp_path / "run")
    row = {row_ref(n >= 800, n - 800 * (n >= 800)): n for n in range(len(texts))}
    pairs = {frozenset((row[m["row_ref"]], row[m["survivor_ref"]])) for m in merges.to_pylist()}
    assert counters["crowded_buckets"] > 0
    assert pairs == {frozenset(pair) for pair in copies.items()}


def test_every_merge_states_the_true_similarity_and_memory_does_not_matter(tmp_path: Path) -> None:
    texts = []
    for family in range(40):
        base = words(120, family)
        texts += [" ".join(near(base, n, (family, n))) for n in (0, 1, 2, 4, 8)]
    segments = write_segments(tmp_path / "segments", [texts[0::2], texts[1::2]])
    merges, _ = deduplicate(Dedup(), segments, tmp_path / "run")
    text_at = {row_ref(n % 2, n // 2): text for n, text in enumerate(texts)}
    assert merges.num_rows > 60
    gone = set(merges.column("row_ref").to_pylist())
    for merge in merges.to_pylist():
        assert merge["survivor_ref"] not in gone
        similarity = jaccard(shingles(text_at[merge["row_ref"]], 5), shingles(text_at[merge["survivor_ref"]], 5))
        assert merge["value"] == pytest.approx(similarity)
        assert similarity >= merge["limit"] == 0.75
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.dedup.memory.PARTITION_SHARE", 1e-5)
        patch.setattr("pipelines.dedup.near.compare.VERIFY_SHARE", 1e-4)
        small, _ = deduplicate(Dedup(memory_mb=64), segments, tmp_path / "small")
    assert small.equals(merges)


def test_a_class_of_edges_is_cut_by_rank_without_losing_or_parting_any() -> None:
    table = pa.table({"loser_rank": pa.array([5, 1, 1, 9, 3, 3, 3, 7] * 10, pa.uint64())})
    parts = [part.column(0).to_pylist() for part in split_by_quantile(table, "loser_rank", table.nbytes // 3 + 1)]
    assert len(parts) == 3
    assert sorted(rank for part in parts for rank in part) == sorted(table.column(0).to_pylist())
    assert all(max(a) < min(b) for a, b in pairwise(parts))


def test_near_hashes_are_merged_into_a_document_that_stays(tmp_path: Path) -> None:
    base = words(400, "simhash")
    texts = [" ".join(base) + " the longest", " ".join(near(base, 1, "n")), " ".join(words(400, "other")), "few words", ""]
    segments = write_segments(tmp_path / "segments", [texts[:1], texts[1:]])
    merges, _ = deduplicate(Dedup(kinds=("simhash",)), segments, tmp_path / "run")
    assert [(m["row_ref"], m["survivor_ref"], m["reason"]) for m in merges.to_pylist()] == [(row_ref(1, 0), row_ref(0, 0), "simhash")]
    assert merges["limit"].to_pylist() == [1 - 4 / 64] <= merges["value"].to_pylist()
