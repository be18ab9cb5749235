"""The similarity of every merge is that to the survivor that it names, by whatever chain of kinds it came there."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from pipelines.dedup.arrays import UInt64s
from pipelines.dedup.chains import compose
from pipelines.dedup.simhash import simhashes
from schemas.hops import MERGE
from schemas.recipe import Dedup, MinHash, SameAddress
from testkit.deduplicate import deduplicate
from tests.dedup.reference import jaccard, shingles
from tests.dedup.spans.test_stage import with_urls
from tests.dedup.test_stage import near, row_ref, words, write_segments


def merge(row_ref: int, survivor: int | None, reason: str, value: float, limit: float = 0.7) -> dict[str, object]:
    survivor_id = None if survivor is None else bytes([survivor]) * 16
    return {"row_ref": row_ref, "survivor_ref": survivor, "survivor_id": survivor_id, "reason": reason, "value": value, "limit": limit}


def composed(before: list[dict[str, object]], now: list[dict[str, object]], value: float = 0.0) -> list[dict[str, Any]]:
    """With `value` as every similarity."""

    def measure(kind: str, winner: UInt64s, loser: UInt64s) -> npt.NDArray[np.float64]:
        return np.full(len(winner), value)

    first, second = (pa.Table.from_pylist(rows, MERGE) for rows in (before, now))
    rows: list[dict[str, Any]] = compose(first, second, measure).to_pylist()
    return rows


def test_an_exact_copy_ends_as_the_document_whose_text_it_has() -> None:
    assert composed([merge(1, 2, "exact", 1, 1)], [merge(2, 3, "minhash", 0.8)]) == [merge(1, 3, "minhash", 0.8)]
    assert composed([merge(1, 2, "exact", 1, 1)], [merge(2, 3, "lines.min_left", 0, 1)]) == [merge(1, 3, "lines.min_left", 0, 1)]
    assert composed([merge(1, 2, "minhash", 0.9)], [merge(2, 3, "exact", 1, 1)]) == [merge(1, 3, "minhash", 0.9)]
    assert composed([merge(1, 2, "exact", 1, 1)], [merge(4, 3, "minhash", 0.8)]) == [merge(1, 2, "exact", 1, 1)]


def test_a_similar_document_is_measured_again_and_stays_if_it_is_not_similar_enough() -> None:
    before, now = [merge(1, 2, "url", 0.9, 0.5)], [merge(2, 3, "minhash", 0.8)]
    assert composed(before, now, 0.75) == [merge(1, 3, "minhash", 0.75)]
    assert composed(before, now, 0.6) == [merge(1, 3, "url", 0.6, 0.5)]
    assert composed(before, now, 0.4) == []


def test_where_a_survivor_ends_in_nothing_its_copies_end_for_the_same_reason() -> None:
    nothing = merge(2, None, "templates.min_left", 0, 1)
    for reason in ("exact", "minhash"):
        assert composed([merge(1, 2, reason, 1)], [nothing]) == [nothing | {"row_ref": 1}]
    assert composed([nothing], [merge(1, 2, "exact", 1)]) == [nothing]


def families() -> tuple[list[list[str]], list[list[str | None]]]:
    """Texts of chains of small changes, exact copies of some, and addresses that some share, in two segments."""
    random_ = random.Random(11)
    texts: list[str] = []
    urls: list[str | None] = []
    for family in range(30):
        text = words(120, ("family", family))
        for step in range(6):
            text = near(text, random_.choice([0, 1, 2, 4, 6]), (family, step))
            if random_.random() < 0.5:
                text = [*text, "more", str(step)]
            texts.append(random_.choice([" ", "  "]).join(text))
            urls.append(f"http://a.example/{family}#{step}" if random_.random() < 0.5 else None)
    return [texts[0::2], texts[1::2]], [urls[0::2], urls[1::2]]


def measured(reason: str, text: str, survivor: str, config: Dedup) -> float:
    """What the ledger must say, from the texts."""
    if reason == "exact":
        return float(text.split() == survivor.split())
    if reason == "simhash":
        one, other = simhashes(pa.array([text, survivor], pa.large_string()), config.simhash.shingle)[0].tolist()
        return 1 - (one ^ other).bit_count() / 64
    if reason == "minhash" and config.minhash.min_containment:
        return len(shingles(text, 5) & shingles(survivor, 5)) / len(shingles(text, 5))
    return jaccard(shingles(text, 5), shingles(survivor, 5))


CONFIGS = {
    "default": Dedup(kinds=("url", "exact", "minhash")),
    "all": Dedup(kinds=("exact", "url", "minhash", "simhash")),
    "simhash first": Dedup(kinds=("simhash", "minhash", "url", "exact")),
    "strict url": Dedup(kinds=("url", "minhash"), url=SameAddress(min_jaccard=0.9), minhash=MinHash(bands=40, rows=3)),
    "address alone": Dedup(kinds=("url", "exact"), url=SameAddress(min_jaccard=None)),
    "containment": Dedup(kinds=("url", "exact", "minhash"), minhash=MinHash(bands=40, rows=3, min_containment=0.8)),
    "components": Dedup(kinds=("exact", "minhash"), minhash=MinHash(bands=40, rows=3, clusters="components")),
    "local": Dedup(kinds=("exact", "minhash"), scope="local_then_global"),
    "within": Dedup(kinds=("url", "exact", "minhash"), scope="within_source"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_merge_states_its_similarity_to_the_survivor_that_stays(tmp_path: Path, name: str) -> None:
    config = CONFIGS[name]
    texts, urls = families()
    segments = write_segments(tmp_path / "segments", texts, ["web", "other"])
    with_urls(segments, urls)
    merges, _ = deduplicate(config, segments, tmp_path / "run")
    text_at = {row_ref(segment, row): text for segment, part in enumerate(texts) for row, text in enumerate(part)}
    gone = merges.column("row_ref").to_pylist()
    assert len(gone) == len(set(gone)) > 20
    for row in merges.to_pylist():
        assert row["survivor_ref"] not in gone
        assert row["value"] == pytest.approx(measured(row["reason"], text_at[row["row_ref"]], text_at[row["survivor_ref"]], config)), row
        assert row["value"] >= row["limit"] or name in ("components", "local")


def test_an_address_alone_merges_nothing(tmp_path: Path) -> None:
    """Chapters of a book, rows of a table; and one page that was fetched twice, on two days."""
    page = "Opening hours of the town library: every day but Sunday from nine to six, and on request. Read on {} by a visitor from {}."
    texts = [" ".join(words(80, ("chapter", n))) for n in range(40)]
    texts += [page.format("Monday 3 May 2021", "Rome"), page.format("Friday 8 June 2022", "Rome"), "Not found.", "not found", "Moved"]
    urls: list[str | None] = [f"http://a.example/book#div{n}" for n in range(40)]
    urls += ["http://a.example/hours"] * 2 + ["http://a.example/gone"] * 3
    segments = write_segments(tmp_path / "segments", [texts])
    with_urls(segments, [urls])
    merges, counters = deduplicate(Dedup(kinds=("url",)), segments, tmp_path / "run")
    assert [(m["row_ref"], m["survivor_ref"]) for m in merges.to_pylist()] == [(40, 41), (43, 42)]
    assert counters["same_address_apart"] == 39 + 1
    merges, _ = deduplicate(Dedup(kinds=("url",), url=SameAddress(min_jaccard=None)), segments, tmp_path / "all")
    assert merges.num_rows == 39 + 1 + 2
    assert min(merges.column("value").to_pylist()) < 0.1


def test_an_address_of_very_many_documents_is_worked_through_in_bounded_memory(tmp_path: Path) -> None:
    texts = [" ".join(words(40 + n % 300, ("row", n % 300))) for n in range(600)]
    segments = write_segments(tmp_path / "segments", [texts])
    with_urls(segments, [["http://a.example/table"] * len(texts)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.dedup.memory.PARTITION_SHARE", 2e-3)
        patch.setattr("pipelines.dedup.near.compare.VERIFY_SHARE", 1e-4)
        merges, counters = deduplicate(Dedup(kinds=("url",), memory_mb=64), segments, tmp_path / "run")
    text_at = dict(enumerate(texts))
    assert all(text_at[m["row_ref"]] == text_at[m["survivor_ref"]] for m in merges.to_pylist())
    assert merges.num_rows + counters["same_address_apart"] <= 599
    assert merges.num_rows > 250


def test_protected_documents_of_one_address_stay_and_what_copies_them_ends(tmp_path: Path) -> None:
    text = " ".join(words(60, "protected"))
    segments = write_segments(tmp_path / "segments", [[text] * 2, [text] * 2], ["kept", "web"])
    with_urls(segments, [["http://a.example/"] * 2] * 2)
    merges, _ = deduplicate(Dedup(kinds=("url",), protected=("kept",)), segments, tmp_path / "run")
    assert [(m["row_ref"], m["survivor_ref"]) for m in merges.to_pylist()] == [
        (row_ref(1, 0), row_ref(0, 0)),
        (row_ref(1, 1), row_ref(0, 0)),
    ]
