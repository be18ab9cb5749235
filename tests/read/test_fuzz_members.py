"""Chains of members with random damage: what is intact comes out as it was made, nothing else does, and every record is accounted for."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.read.columns import ColumnCounts, Columns
from pipelines.read.formats.jsonl import read_jsonl
from pipelines.read.records import Unread
from pipelines.read.warc_records import WarcRecord, read_records
from testkit.archives import http, record

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda content: gzip.compress(content, 6, mtime=0),
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".bz2": lambda content: bz2.compress(content, 1),
    ".xz": lambda content: lzma.compress(content, preset=0),
}
LIMIT = 1 << 20
HOWS = ["flip", "cut", "junk", "zeros"]
Damage = list[tuple[int, str, float, bytes]]


def damages(n_members: int) -> st.SearchStrategy[Damage]:
    """(member, how, where in it, junk) for some of the members, each once."""
    one = st.tuples(
        st.integers(0, n_members - 1), st.sampled_from(HOWS), st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=20)
    )
    return st.lists(one, max_size=4, unique_by=lambda damage: damage[0])


def damaged(members: list[bytes], damage: Damage) -> list[bytes]:
    """The members with bytes changed, cut off or put in.

    A member that is gone without a trace, or is zeros like padding, nobody can miss: a byte of it stays.
    """
    changed = list(members)
    for number, how, where, junk in damage:
        member = members[number]
        at = max(1, int(where * len(member)))
        changed[number] = {
            "flip": member[:at] + bytes([member[at] ^ 1 << at % 8]) + member[at + 1 :],
            "cut": member[:at],
            "junk": member[:at] + junk + member[at:],
            "zeros": member[:at] + bytes(len(member) - at),
        }[how]
    return changed


def text(seed: int) -> str:
    """Words that compress like words do."""
    words = random.Random(seed)
    return " ".join(
        words.choice(["river", "stone", "valley", "ämne", "x"]) + str(words.randrange(99)) for _ in range(words.randrange(3, 300))
    )


def row(seed: int) -> bytes:
    return json.dumps({"text": text(seed), "n": seed}).encode() + b"\n"


def read_rows(path: Path, stored: bytes) -> tuple[list[str], list[Unread]]:
    """(texts, rows of what could not be read); no address is given twice."""
    path.write_bytes(stored)
    items = list(read_jsonl(path, Columns("text", "url"), LIMIT, ColumnCounts()))
    assert len({address for address, _ in items}) == len(items)
    unread = [item for _, item in items if isinstance(item, Unread)]
    return [item.text for _, item in items if not isinstance(item, Unread)], unread


@pytest.mark.parametrize("suffix", PACK)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_only_rows_of_intact_members_are_read(tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    seeds = [list(range(100 * number, 100 * number + size)) for number, size in enumerate(sizes)]
    members = [PACK[suffix](b"".join(map(row, numbers))) for numbers in seeds]
    damage = data.draw(damages(len(members)))
    texts, unread = read_rows(tmp_path_factory.mktemp("rows") / f"a.jsonl{suffix}", b"".join(damaged(members, damage)))
    hit = {number for number, *_ in damage}
    intact = [text(seed) for number, numbers in enumerate(seeds) if number not in hit for seed in numbers]
    possible = [text(seed) for numbers in seeds for seed in numbers]
    assert set(intact) <= set(texts) <= set(possible)
    assert len(texts) == len(set(texts))
    assert unread or len(texts) == len(possible)
    assert len(unread) <= len(possible) - len(texts) + 3 * len(damage)
    assert sum(each.lost_bytes for each in unread) <= sum(map(len, damaged(members, damage)))


@pytest.mark.parametrize("suffix", PACK)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_lines_that_go_over_members_are_whole_or_a_row(tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject) -> None:
    content = b"".join(map(row, range(12)))
    size = data.draw(st.integers(200, 3000))
    spans = [(at, min(at + size, len(content))) for at in range(0, len(content), size)]
    members = [PACK[suffix](content[start:end]) for start, end in spans]
    damage = data.draw(damages(len(members)))
    texts, unread = read_rows(tmp_path_factory.mktemp("rows") / f"a.jsonl{suffix}", b"".join(damaged(members, damage)))
    hit = {number for number, *_ in damage}
    intact, start = [], 0
    for number in range(12):
        end = start + len(row(number))
        if all(not (span[0] < end and start < span[1]) for i, span in enumerate(spans) if i in hit):
            intact.append(text(number))
        start = end
    assert set(intact) <= set(texts) <= {text(number) for number in range(12)}
    assert len(texts) == len(set(texts))
    assert unread or len(texts) == 12


# --- WARC ------------------------------------------------------------------------------------------------------------


def page(seed: int) -> bytes:
    return record(f"http://a.example/{seed}", http(f"<p>{text(seed)}</p>".encode()))


def read_pages(path: Path, stored: bytes) -> tuple[list[bytes], int]:
    """(blocks, number of rows) of a WARC file; no address is given twice."""
    path.write_bytes(stored)
    found = list(read_records(path, path.name, LIMIT))
    addresses = [each.address if isinstance(each, WarcRecord) else each[0] for each in found]
    assert len(set(addresses)) == len(addresses)
    blocks = [each.block for each in found if isinstance(each, WarcRecord)]
    return blocks, len(found) - len(blocks)


def block(seed: int) -> bytes:
    return http(f"<p>{text(seed)}</p>".encode())


@pytest.mark.parametrize("suffix", PACK)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_records_of_intact_members_are_read_and_each_other_has_one_row(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    members = [PACK[suffix](page(seed)) for seed in range(data.draw(st.integers(1, 6)))]
    damage = data.draw(damages(len(members)))
    blocks, n_rows = read_pages(tmp_path_factory.mktemp("warc") / f"a.warc{suffix}", b"".join(damaged(members, damage)))
    hit = {number for number, *_ in damage}
    assert {block(seed) for seed in range(len(members)) if seed not in hit} <= set(blocks) <= {block(seed) for seed in range(len(members))}
    assert len(blocks) == len(set(blocks))
    assert len(blocks) + n_rows <= len(members) + 2 * len(damage)
    if all(how == "flip" and 0.1 < where < 0.9 for _, how, where, _ in damage) and suffix in (".gz", ".zst"):
        assert len(blocks) + n_rows == len(members)


@pytest.mark.parametrize("suffix", PACK)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_records_that_go_over_members_are_whole_or_a_row(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    content = b"".join(map(page, range(10)))
    size = data.draw(st.integers(100, 4000))
    spans = [(at, min(at + size, len(content))) for at in range(0, len(content), size)]
    members = [PACK[suffix](content[start:end]) for start, end in spans]
    damage = data.draw(damages(len(members)))
    blocks, n_rows = read_pages(tmp_path_factory.mktemp("warc") / f"a.warc{suffix}", b"".join(damaged(members, damage)))
    assert set(blocks) <= {block(seed) for seed in range(10)}
    assert len(blocks) == len(set(blocks))
    assert n_rows or len(blocks) == 10
    if not damage:
        assert blocks == [block(seed) for seed in range(10)]
