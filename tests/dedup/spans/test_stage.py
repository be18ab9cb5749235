"""Kinds that cut, on segment files: what is left of the texts, what ends, and that order and workers do not matter."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.dedup.minhash import ranks
from pipelines.dedup.spans.rewrite import ELIGIBLE, CutKind, rewrite_batch
from pipelines.engine.segments import open_segment
from schemas.hops import CUT
from schemas.recipe import Dedup, Lines, Sentences, Substring, Templates
from testkit.deduplicate import deduplicate
from tests.dedup.spans import reference
from tests.dedup.test_stage import row_ref, write_segments


def texts_left(folder: Path, kind: str) -> list[list[str]]:
    return [open_segment(path).read_all().column("text").to_pylist() for path in sorted((folder / "work" / kind).glob("segment-*.arrow"))]


def in_order(segments: list[list[str]]) -> list[tuple[int, int]]:
    """(segment, row), in the order of ranks: the longest first, then the smallest doc_id."""
    documents = [(number, row) for number, texts in enumerate(segments) for row in range(len(texts))]
    ids = pa.array([f"{number:04d}-{row:011d}".encode() for number, row in documents], pa.binary(16))
    lengths = np.array([len(segments[number][row]) for number, row in documents], np.uint64)
    rank = ranks(np.zeros(len(documents), np.uint8), lengths, ids)
    return [document for _, document in sorted(zip(rank.tolist(), documents, strict=True))]


def test_a_repeated_line_stays_in_the_first_document_only(tmp_path: Path) -> None:
    segments = write_segments(
        tmp_path / "segments", [["Menu 1\nbody of the first\nMENU – 3!", "Share this!"], ["a much longer text\n\nmenu - 3\nfooter"]]
    )
    merges, counters = deduplicate(Dedup(kinds=("lines",)), segments, tmp_path)
    # The longest document holds the line about menu 3; menu 1 is another line.
    assert texts_left(tmp_path, "lines") == [["Menu 1\nbody of the first", "Share this!"], ["a much longer text\n\nmenu - 3\nfooter"]]
    assert merges.num_rows == 0
    assert counters["lines_cut_chars"] == len("MENU – 3!")


def test_lines_of_one_document_alone(tmp_path: Path) -> None:
    segments = write_segments(tmp_path / "segments", [["x\ny\nX.", "x\n\nz\n\n\nx\n"]])
    deduplicate(Dedup(kinds=("lines",), lines=Lines(scope="document")), segments, tmp_path)
    assert texts_left(tmp_path, "lines") == [["x\ny", "x\n\nz"]]


def test_a_document_of_which_nothing_or_too_little_is_left_ends_and_says_where_its_text_stays(tmp_path: Path) -> None:
    texts = [
        "first line\nsecond line\nthird line and much more",
        "second line\nFIRST LINE",
        "second line\nown",
        "own, and long enough to stay\nthird line",
    ]
    segments = write_segments(tmp_path / "segments", [texts])
    merges, _ = deduplicate(Dedup(kinds=("lines",), lines=Lines(min_left=4)), segments, tmp_path)
    rows = [(m["row_ref"], m["survivor_ref"], m["reason"], m["value"], m["limit"]) for m in merges.to_pylist()]
    assert rows == [(row_ref(0, 1), row_ref(0, 0), "lines.min_left", 0, 4), (row_ref(0, 2), row_ref(0, 0), "lines.min_left", 3, 4)]
    assert merges.column("survivor_id").to_pylist() == [b"0000-00000000000"] * 2


def test_a_document_ends_by_its_share_unless_it_holds_a_copy_that_others_lost(tmp_path: Path) -> None:
    long = "\n".join(["alpha beta", "gamma delta", "a line of its own that is long"])
    middle = "alpha beta\ngamma delta\nepsilon"
    segments = write_segments(tmp_path / "segments", [[long, middle, "epsilon\nsmall"]])
    merges, _ = deduplicate(Dedup(kinds=("lines",), lines=Lines(max_share=0.5)), segments, tmp_path)
    # The middle one loses 21 of its 29 characters, but holds the line that the small one loses.
    assert [(m["row_ref"], m["reason"]) for m in merges.to_pylist()] == [(row_ref(0, 2), "lines.max_share")]
    assert texts_left(tmp_path, "lines")[0][1] == "epsilon"


def test_three_sentence_spans(tmp_path: Path) -> None:
    a, b, c, d, e = "This is one. ", "Now the second. ", "And a third! ", "Here a fourth. ", "Finally the fifth."
    segments = write_segments(tmp_path / "segments", [[a + b + c + d + e, "Intro. " + b + c + d + "Other.", a + b + "Something else."]])
    deduplicate(Dedup(kinds=("sentences",), sentences=Sentences()), segments, tmp_path)
    assert texts_left(tmp_path, "sentences") == [[a + b + c + d + e, "Intro. Other.", a + b + "Something else."]]


def with_urls(paths: list[Path], urls: list[list[str | None]]) -> list[Path]:
    for path, of_file in zip(paths, urls, strict=True):
        table = open_segment(path).read_all()
        table = table.set_column(
            table.schema.get_field_index("url"), table.schema.field("url"), pa.chunked_array([pa.array(of_file, pa.large_string())])
        )
        path.unlink()
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=50)
    return paths


def test_templated_pages_lose_the_template_and_keep_their_subjects(tmp_path: Path) -> None:
    n = 10_000
    subjects = [
        f"All about subject {'abcdefghij'[k % 10]}{'klmnopqrst'[k // 10 % 10]} {'uvwxyz'[k % 6] * (1 + k // 100)}" for k in range(n)
    ]
    pages = [f"Home | News | About\n\n{subject}\nRead more: page {k} of 10000\n© 2024 Site" for k, subject in enumerate(subjects)]
    other = ["Home | News | About\nanother site"] * 3 + ["Home | News | About\nno address"]
    segments = write_segments(tmp_path / "segments", [pages[: n // 2], pages[n // 2 :] + other])
    urls: list[list[str | None]] = [
        [f"https://www.site.example/{k}" for k in range(n // 2)],
        [f"http://site.example:80/{k}?x" for k in range(n // 2, n)],
    ]
    urls[1] += [f"http://other.example/{k}" for k in range(3)] + [None]
    with_urls(segments, urls)
    merges, counters = deduplicate(Dedup(kinds=("templates",)), segments, tmp_path)
    left = texts_left(tmp_path, "templates")
    # "page 7 of 10000" and "page 77 of 10000" differ in how many digits they have; three lengths are on enough pages.
    body = [text.split("\n")[0] for text in left[0] + left[1][:-4]]
    assert body == subjects
    assert sum("Home" in text or "Site" in text for text in left[0] + left[1][:-4]) == 0
    assert left[1][-4:] == other
    assert merges.num_rows == 0
    assert counters["templates_cut_documents"] == n


def test_a_page_that_is_nothing_but_template_is_dropped_and_so_are_its_copies(tmp_path: Path) -> None:
    segments = write_segments(tmp_path / "segments", [[f"Menu\n{'abcdefghijkl'[k] * 9}" for k in range(12)] + ["Menu", "Menu"]])
    with_urls(segments, [[f"http://a.example/{k}" for k in range(14)]])
    merges, _ = deduplicate(Dedup(kinds=("exact", "templates"), templates=Templates()), segments, tmp_path)
    rows = [(m["row_ref"], m["survivor_ref"], m["reason"], m["value"]) for m in merges.to_pylist()]
    assert rows == [(row_ref(0, 12), None, "templates.min_left", 0), (row_ref(0, 13), None, "templates.min_left", 0)]


def sample(n: int, seed: int) -> list[str]:
    """Texts that share runs of words with one another and with themselves, some without spaces."""
    rng = random.Random(seed)
    passages = [" ".join(rng.choices(["red", "blue", "green", "éa", "x,", "\n"], k=rng.randrange(4, 25))) for _ in range(12)]
    passages += ["".join(rng.choices("的是不了人", k=rng.randrange(6, 20))) for _ in range(4)]
    return [" ".join(rng.choices(passages, k=rng.randrange(6))) + f" own{rng.randrange(10**9)}" * rng.randrange(3) for _ in range(n)]


@pytest.mark.parametrize("k", [5, 8])
def test_substrings_are_cut_as_by_the_slow_reference_and_stay_once(tmp_path: Path, k: int) -> None:
    texts = [sample(40, 1), sample(30, 2), sample(1, 3)]
    segments = write_segments(tmp_path / "segments", texts)
    deduplicate(Dedup(kinds=("substring",), substring=Substring(min_words=k, min_left=0)), segments, tmp_path)
    order = in_order(texts)
    cut = dict(zip(order, reference.cut_bytes([reference.windows(texts[n][row], k) for n, row in order]), strict=True))
    left = texts_left(tmp_path, "substring")
    for number, row in order:
        expected = reference.without(texts[number][row], cut[number, row])
        assert reference.words(left[number][row]) <= reference.words(texts[number][row])
        assert "".join(left[number][row].split()) == "".join(expected.split())
    assert sum(map(len, cut.values())) > 1000
    times = Counter(key for number, row in order for key, _ in reference.windows(texts[number][row], k))
    after = {"".join(key.split()) for number, row in order for key, _ in reference.windows(left[number][row], k)}
    assert {"".join(key.split()) for key, n in times.items() if n > 1} <= after


def test_one_word_repeated_leaves_one_window(tmp_path: Path) -> None:
    segments = write_segments(tmp_path / "segments", [["spam " * 20_000, "spam " * 300, "spam"], ["", " "]])
    merges, _ = deduplicate(Dedup(kinds=("substring",)), segments, tmp_path)
    assert texts_left(tmp_path, "substring") == [[("spam " * 50).strip(), "", "spam"], ["", " "]]
    assert [(m["row_ref"], m["survivor_ref"]) for m in merges.to_pylist()] == [(row_ref(0, 1), row_ref(0, 0))]


def test_kinds_see_what_the_kinds_before_them_left(tmp_path: Path) -> None:
    """Two texts are equal once their lines of navigation are gone; a document that was merged is not eligible for what follows."""
    body = "the body of the text, which is long enough to be the best document by far and more"
    texts = ["Home\nNews", f"Home\n{body}", f"{body}\nNews", "copy", "copy", "copy\nrest"]
    segments = write_segments(tmp_path / "segments", [texts])
    merges, _ = deduplicate(Dedup(kinds=("exact", "lines", "minhash")), segments, tmp_path)
    rows = [(m["row_ref"], m["survivor_ref"], m["reason"]) for m in merges.to_pylist()]
    assert (row_ref(0, 4), row_ref(0, 5), "lines.min_left") in rows  # an exact copy ends as the document whose text it has
    assert (row_ref(0, 3), row_ref(0, 5), "lines.min_left") in rows
    assert texts_left(tmp_path, "lines")[0][1:3] in (["Home", f"{body}\nNews"], [f"Home\n{body}", "News"])


def test_order_of_batches_partitions_and_workers_do_not_matter(tmp_path: Path) -> None:
    texts = sample(150, 9)
    config = Dedup(kinds=("lines", "sentences", "substring"), substring=Substring(min_words=6))
    one = write_segments(tmp_path / "one", [texts[:70], texts[70:]])
    first, _ = deduplicate(config, one, tmp_path / "a")
    second, _ = deduplicate(config, one, tmp_path / "b", workers=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.dedup.memory.PARTITION_SHARE", 1e-5)
        third, _ = deduplicate(config, one, tmp_path / "c")
    assert first.equals(second)
    assert first.equals(third)
    for kind in config.kinds:
        assert texts_left(tmp_path / "a", kind) == texts_left(tmp_path / "b", kind) == texts_left(tmp_path / "c", kind)


def test_texts_that_were_cut_are_scrubbed_again_and_others_are_not_touched() -> None:
    batch = pa.RecordBatch.from_pydict({"text": pa.array(["ab cd", "ef gh", "ij"], pa.large_string())})
    cuts = pa.Table.from_pylist([{"row_ref": 5, "start": 0, "end": 2, "survivor_ref": 9, "kept": False}], CUT)

    def shout(part: pa.RecordBatch) -> pa.RecordBatch:
        return part.set_column(0, "text", pa.compute.utf8_upper(part.column("text")))

    left, merges = rewrite_batch(batch, np.ones(3, bool), np.uint64(5), cuts, CutKind("lines", Lines(), shout))
    assert left.column("text").to_pylist() == ["CD", "ef gh", "ij"]
    assert left.column("n_cut_chars_lines").to_pylist() == [2, 0, 0]
    assert left.column(ELIGIBLE).to_pylist() == [True] * 3
    assert merges.num_rows == 0
