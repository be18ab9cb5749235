"""Files of every format that is read, as stretches of stored bytes of which it is known which records lie in them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from testkit.fuzz.records import Record, json_line, warc_record, wet_record
from testkit.fuzz.texts import Text, paragraphs, text

Framing = Literal["plain", "each", "groups", "one", "anywhere"]
"""How records lie in members: without any, one each, some each, all in one, or cut anywhere."""
CODE_HEAD: Final = "# a program\n"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Stored bytes, and the numbers of the records that have a part in them."""

    stored: bytes
    records: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file and all that it holds."""

    name: str
    stretches: list[Stretch]
    records: list[Record]
    is_checked: bool
    """Whether damage to a record can be told from its bytes: its format has a checksum."""
    is_plain: bool = False
    """Whether nothing but the bytes beside a record shows where it ends, so that damage there is damage to it."""
    is_movable: bool = False
    """Whether stretches may change places."""
    is_addressed: bool = False
    """Whether records are found by offsets from the start of the file, so that bytes put in or taken out move all that follow."""
    is_resumed: bool = True
    """Whether a reader finds every record behind damage: not where WARC records go over members, and the first ones are damaged,
    or where a changed line may have lost its end."""

    @property
    def stored(self) -> bytes:
        """The bytes of the file."""
        return b"".join(stretch.stored for stretch in self.stretches)

    @property
    def texts(self) -> dict[int, Text]:
        """The documents, by number of record."""
        return {number: record.text for number, record in enumerate(self.records) if record.text}

    @property
    def n_passed_over(self) -> int:
        """Records that are no input."""
        return sum(record.is_passed_over for record in self.records)


PACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    ".gz": lambda content: gzip.compress(content, 6, mtime=0),
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".bz2": lambda content: bz2.compress(content, 1),
    ".xz": lambda content: lzma.compress(content, preset=0),
}
UNCHECKED_ZST: Final = zstandard.ZstdCompressor(write_checksum=False).compress


def file_of(seed: int, number: int) -> File:
    """File `number` of a seed: the same whenever it is made."""
    draw = random.Random(f"{seed} {number}")
    make = draw.choice([json_file, json_file, warc_file, warc_file, wet_file, parquet_file, text_file, code_file])
    return make(draw, number)


def json_file(draw: random.Random, number: int) -> File:
    """JSON Lines, plain or compressed."""
    records = [json_line(draw, 10 * number + i) for i in range(draw.randint(1, 8))]
    while all(record.text is None for record in records):
        records = [json_line(draw, 10 * number)]
    records.sort(key=lambda record: record.text is None)  # a file that begins with other lines, the rest damaged, may be no JSON Lines
    if draw.random() < 0.1:
        records[0] = Record(b"\xef\xbb\xbf" + records[0].stored, records[0].text)
    suffix = draw.choice(["", *PACK])
    return _framed(draw, f"{number}.jsonl{suffix}", records, suffix)


def warc_file(draw: random.Random, number: int) -> File:
    """A crawl."""
    records = [warc_record(draw, 10 * number + i) for i in range(draw.randint(1, 6))]
    suffix = draw.choice(["", ".gz", ".gz", ".zst"])
    return _framed(draw, f"{number}.warc{suffix}", records, suffix)


def wet_file(draw: random.Random, number: int) -> File:
    """Extracted text of a crawl."""
    records = [wet_record(draw, 10 * number + i) for i in range(draw.randint(1, 6))]
    suffix = draw.choice(["", ".gz", ".gz", ".zst"])
    return _framed(draw, f"{number}.warc.wet{suffix}", records, suffix)


def _framed(draw: random.Random, name: str, records: list[Record], suffix: str) -> File:
    framing: Framing = draw.choice(["each", "each", "groups", "one", "anywhere"]) if suffix else "plain"
    parts = _parts(draw, [record.stored for record in records], framing)
    pack = PACK.get(suffix, bytes)
    is_unchecked = suffix == ".zst" and draw.random() < 0.3
    if is_unchecked:
        pack = UNCHECKED_ZST
    return File(
        name=name,
        stretches=[Stretch(pack(content), numbers) for content, numbers in parts],
        records=records,
        is_checked=bool(suffix) and not is_unchecked,
        is_plain=not suffix,
        is_movable=framing in ("each", "groups"),
        is_resumed=not is_unchecked if ".jsonl" in name else framing != "anywhere",
    )


def _parts(draw: random.Random, stored: list[bytes], framing: Framing) -> list[tuple[bytes, frozenset[int]]]:
    """(content, numbers of the records in it) of each member."""
    if framing != "anywhere":
        size = {"plain": 1, "each": 1, "groups": draw.randint(1, 4), "one": len(stored)}[framing]
        starts = range(0, len(stored), size)
        return [(b"".join(stored[at : at + size]), frozenset(range(at, min(at + size, len(stored))))) for at in starts]
    content = b"".join(stored)
    owner = [number for number, one in enumerate(stored) for _ in one]
    size = draw.randint(100, 4000)
    return [(content[at : at + size], frozenset(owner[at : at + size])) for at in range(0, len(content), size)]


# --- Parquet ---------------------------------------------------------------------------------------------------------


def parquet_file(draw: random.Random, number: int) -> File:
    """Rows in row groups: text as strings, bytes of UTF-8 or lists of paragraphs, perhaps with a null."""
    made: list[Text | None] = [text(draw, 10 * number + i) for i in range(draw.randint(1, 9))]
    if draw.random() < 0.2:
        made[-1] = None
    values: list[str | list[str] | None] = [one.shown if one else None for one in made]
    kind = draw.choice([pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.list_(pa.string())])
    if kind == pa.list_(pa.string()):
        lists = [paragraphs(one) if one else (None, None) for one in made]
        values, made = [found for found, _ in lists], [one for _, one in lists]
    table = pa.table({"text": pa.array(values, pa.string() if pa.types.is_dictionary(kind) else kind).cast(kind), "n": range(len(made))})
    size = draw.randint(1, 5)
    out = io.BytesIO()
    compression = draw.choice(["none", "snappy", "zstd", "gzip"])
    pq.write_table(table, out, row_group_size=size, compression=compression, write_page_checksum=draw.random() < 0.5)
    stored = out.getvalue()
    starts = [_start(group) for group in map(pq.ParquetFile(out).metadata.row_group, range(-(-len(made) // size)))]
    footer = len(stored) - 8 - int.from_bytes(stored[-8:-4], "little")
    every = frozenset(range(len(made)))
    stretches = [Stretch(stored[: starts[0]], every)]
    for i, (start, end) in enumerate(zip(starts, [*starts[1:], footer], strict=True)):
        stretches.append(Stretch(stored[start:end], frozenset(range(i * size, min((i + 1) * size, len(made))))))
    stretches.append(Stretch(stored[footer:], every))
    # What describes pages has no checksum, even where pages have one.
    records = [Record(b"", one) for one in made]
    return File(name=f"{number}.parquet", stretches=stretches, records=records, is_checked=False, is_addressed=True)


def _start(group: pq.RowGroupMetaData) -> int:
    columns = [group.column(i) for i in range(group.num_columns)]
    return min(c.dictionary_page_offset if c.has_dictionary_page else c.data_page_offset for c in columns)


# --- Whole files -----------------------------------------------------------------------------------------------------


def text_file(draw: random.Random, number: int) -> File:
    """A text in some encoding, perhaps compressed."""
    made = text(draw, 10 * number)
    stored = made.shown.encode(draw.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32"]))
    suffix = draw.choice(["", "", *PACK])
    name = f"{number}.{draw.choice(['txt', 'md', 'rst'])}{suffix}"
    stretch = Stretch(PACK.get(suffix, bytes)(stored), frozenset({0}))
    return File(name=name, stretches=[stretch], records=[Record(stored, made)], is_checked=bool(suffix), is_plain=not suffix)


def code_file(draw: random.Random, number: int) -> File:
    """A program whose comments are in any script."""
    made = text(draw, 10 * number)
    made = Text(*(CODE_HEAD + "".join(f"# {line}\n" for line in one.split("\n")) for one in (made.shown, made.hidden)))
    stored = made.shown.encode()
    stretch = Stretch(stored, frozenset({0}))
    return File(name=f"{number}.py", stretches=[stretch], records=[Record(stored, made)], is_checked=False, is_plain=True)
