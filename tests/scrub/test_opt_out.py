"""Who asked to be left out is, by address or by what was found, and nothing but hashes tells of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scrub.index import HASH_BYTES, INDEX, TakedownRequest, match_request
from pipelines.scrub.network import plain_email
from pipelines.scrub.opt_out import AdmittedDocuments, OptOutLists, admit
from pipelines.scrub.phones import e164
from pipelines.text.urls import plain_url, url_digests
from schemas import recipe as recipes
from schemas.errors import RecipeError
from schemas.hops import DOCUMENT, LEDGER
from schemas.recipe import PII_KINDS, OptOut, Scrub
from tests.scrub.pii import texts

EMAIL, PHONE = "jane@bakery.org", "+16502530000"
SCHEMA = pa.schema([*DOCUMENT, pa.field("lang", pa.large_string())])


def sha256(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()


def documents(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    common = {"source": "web", "source_class": "other", "origin_file": "f", "part": 0, "lang": "en"}
    full = [{**common, "doc_id": at.to_bytes(16), "origin_offset": at, "raw_text": "x", **row} for at, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(full, SCHEMA)


@pytest.fixture
def lists(tmp_path: Path) -> OptOutLists:
    entries = {
        "urls": "# asked in May\nhttps://www.a.org/page/\n",
        "hosts": "gone.org\nblogs.example.com\ngithub.io\n",
        "email_hashes": sha256(EMAIL).hex() + "\n\n",
        "phone_hashes": sha256(PHONE).hex().upper() + "\n",
    }
    for name, text in entries.items():
        (tmp_path / name).write_text(text)
    paths = {name: str(tmp_path / name) for name in entries}
    return OptOutLists.of(recipes.section(OptOut, [f"{name}={path}" for name, path in paths.items()]))


def reasons(admitted: AdmittedDocuments) -> dict[int, str]:
    rows = admitted.left_out.to_pylist()
    assert all((row["step"], row["outcome"], row["value"], row["limit"]) == ("opt_out", "dropped", None, None) for row in rows)
    return {row["origin_offset"]: row["reason"] for row in rows}


def test_the_reason_says_which_list_it_was_and_never_what_it_held(lists: OptOutLists) -> None:
    batch = documents(
        [
            {"url": "http://a.org/page#top"},
            {"url": "https://news.gone.org/1"},
            {"url": "https://a.org/1", "raw_text": "Write to Jane@Bakery.org."},
            {"url": "https://a.org/2", "raw_text": "Call (650) 253-0000 now."},
            {"url": "https://a.org/3", "raw_text": "Write to joe@bakery.org or call +1 650 253 0001."},
            {"url": None, "meta": json.dumps({"by": EMAIL})},
            {"url": "https://a.org/?u=jane%40bakery.org"},
            {"url": "https://me.github.io/"},
            {"url": "https://github.io/"},
            {"url": "https://gone.org/", "raw_text": f"{EMAIL} {PHONE}"},
            {"url": "https://example.com/blogs.example.com"},
        ]
    )
    admitted = admit(batch, lists, Scrub())
    assert reasons(admitted) == {
        0: "opt_out.url",
        1: "opt_out.host",
        2: "opt_out.email",
        3: "opt_out.phone",
        5: "opt_out.email",
        6: "opt_out.email",
        8: "opt_out.host",
        9: "opt_out.host",
    }
    assert admitted.documents.column("origin_offset").to_pylist() == [4, 7, 10]
    assert admitted.index.column("doc_id").equals(admitted.documents.column("doc_id"))
    assert set(admitted.audit.column("doc_id").to_pylist()) == {(4).to_bytes(16)}
    assert admitted.left_out.schema == LEDGER
    assert "bakery" not in str(admitted.left_out.to_pylist()).lower()


def test_the_index_has_the_beginnings_of_the_hashes_of_every_field() -> None:
    url = "https://A.org/?u=joe%40bakery.org"
    batch = documents([{"url": url, "raw_text": f"{EMAIL} {EMAIL} or (650) 253-0000", "meta": json.dumps({"by": "ann@bakery.org"})}, {}])
    index = admit(batch, OptOutLists.of(OptOut()), Scrub()).index
    assert index.schema == INDEX
    first, second = index.to_pylist()
    assert (first["url"], first["host"]) == ("https://A.org/?u=<EMAIL>", "a.org")
    assert first["url_hash"] == url_digests(texts([url]), HASH_BYTES)[0]
    assert first["email_hashes"] == sorted(sha256(f"{name}@bakery.org")[:HASH_BYTES] for name in ("jane", "joe", "ann"))
    assert first["phone_hashes"] == [sha256(PHONE)[:HASH_BYTES]]
    assert [second[name] for name in INDEX.names[1:]] == [None, None, None, [], []]
    bare = admit(batch, OptOutLists.of(OptOut(index_values=False)), Scrub()).index
    assert bare.column("email_hashes").null_count == bare.column("phone_hashes").null_count == 2


def test_a_request_meets_the_first_of_its_reasons() -> None:
    batch = documents(
        [{"url": "https://a.org/1", "raw_text": EMAIL}, {"url": "https://b.a.org/", "raw_text": EMAIL}, {"raw_text": EMAIL}, {}]
    )
    index = pl.DataFrame(admit(batch, OptOutLists.of(OptOut()), Scrub()).index)
    asked = TakedownRequest(urls=("a.org/1",), hosts=("a.org",), email_hashes=(sha256(EMAIL),), doc_ids=((3).to_bytes(16),))
    found = {int.from_bytes(doc_id): reason for doc_id, reason in match_request(index, asked).iter_rows()}
    assert found == {0: "url", 1: "host", 2: "email", 3: "doc_id"}
    assert match_request(index, TakedownRequest()).is_empty()
    assert match_request(index.head(0), asked).is_empty()


@given(st.lists(st.sampled_from([EMAIL, "call +1 650 253 0000", "joe@bakery.org", "x", ""]), max_size=6), st.integers(0, 6))
def test_a_batch_cut_anywhere_gives_the_same(raw: list[str], cut: int) -> None:
    lists = OptOutLists(frozenset(), None, frozenset([sha256(EMAIL)]), frozenset([sha256(PHONE)]), index_values=True)
    batch = documents([{"raw_text": text, "url": f"https://a.org/{at}"} for at, text in enumerate(raw)])
    whole = admit(batch, lists, Scrub())
    parts = [admit(part, lists, Scrub()) for part in (batch.slice(0, cut), batch.slice(cut))]
    for at in range(len(whole)):
        assert pa.concat_batches([part[at] for part in parts]).to_pylist() == whole[at].to_pylist()


@pytest.mark.parametrize(
    ("value", "regions", "expected"),
    [
        ("(650) 253-0000", ("US", "GB"), {PHONE}),
        ("+1 (650) 253-0000 ext. 12", (), {PHONE}),
        ("0016502530000", ("DE",), {PHONE}),
        ("020 7946 0958", ("GB",), {"+442079460958"}),
        ("138 0013 8000", ("CN",), {"+8613800138000"}),
        ("86-13800138000", ("CN",), {"+8613800138000"}),
        ("1234567", ("US",), set()),
    ],
)
def test_a_number_has_one_form(value: str, regions: tuple[str, ...], expected: set[str]) -> None:
    assert e164(value.encode(), regions) == expected


def test_an_address_has_one_form(lists: OptOutLists) -> None:
    assert plain_email(b"Jane.Doe@Bakery.ORG") == "jane.doe@bakery.org"
    assert plain_email(b"jane (at) bakery [dot] org") == EMAIL
    batch = documents([{"raw_text": "write to jane (at) bakery (dot) org"}])
    assert reasons(admit(batch, lists, Scrub(kinds=PII_KINDS))) == {0: "opt_out.email"}


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("email_hashes", f"{EMAIL}\n", "CM-SCRUB-001: opt_out.email_hashes: .*line 1 "),
        ("phone_hashes", "ab12\n", "CM-SCRUB-001: opt_out.phone_hashes: .*line 1 "),
        ("hosts", "good.org\nhttps://a.org/\n", "CM-TEXT-001: opt_out.hosts: .*line 2 "),
    ],
)
def test_a_line_that_is_no_entry_is_named_and_not_shown(tmp_path: Path, key: str, text: str, message: str) -> None:
    (tmp_path / "list").write_text(text)
    with pytest.raises(RecipeError, match=message) as caught:
        OptOutLists.of(recipes.section(OptOut, [f"{key}={tmp_path / 'list'}"]))
    assert EMAIL not in str(caught.value)


def test_hashes_of_a_kind_that_is_not_looked_for_are_refused() -> None:
    data = {"name": "x", "sources": {"a": {"path": "x"}}, "scrub": {"kinds": ["phone"]}, "opt_out": {"email_hashes": "list.txt"}}
    with pytest.raises(RecipeError, match=r"opt_out\.email_hashes = 'list\.txt': add 'email' to scrub\.kinds"):
        recipes.parse(data)


STORED = (
    "https://example.org/%7Euser/caf%C3%A9",
    "https://example.org/a b",
    "https://xn--bcher-kva.example.org/x",
    "https://example.org/q?b=2&a=1",
    "https://example.org/a%2Fb",
    None,
)
ASKED = (
    "https://example.org/~user/caf\u00e9",
    "http://www.example.org/a%20b#top",
    "https://b\u00fccher.example.org/x/",
    "https://example.org/q?a=1&b=2",
    "https://example.org/a/b",
)


@pytest.mark.parametrize("earlier", [False, True])
def test_a_takedown_finds_other_spellings_of_an_address_in_new_and_old_indexes(earlier: bool) -> None:
    """The first three name a document that is there; another order of the query and an escaped slash name other pages."""
    index = pl.DataFrame(admit(documents([{"url": url} for url in STORED]), OptOutLists.of(OptOut()), Scrub()).index)
    if earlier:
        forms = index.select(plain_url(pl.col("url"))).to_series()
        hashes = [None if form is None else sha256(form)[:HASH_BYTES] for form in forms]
        index = index.with_columns(url_hash=pl.Series(hashes, dtype=pl.Binary))
    found = match_request(index, TakedownRequest(urls=ASKED))
    assert [int.from_bytes(doc_id) for doc_id, _ in found.iter_rows()] == [0, 1, 2]
    for row, url in enumerate(STORED[:-1]):
        assert [int.from_bytes(doc_id) for doc_id, _ in match_request(index, TakedownRequest(urls=(str(url),))).iter_rows()] == [row]


def test_an_old_index_still_finds_an_address_that_was_scrubbed_in_it() -> None:
    url = "https://a.org/%7Ejoe/?u=joe@bakery.org"
    index = pl.DataFrame(admit(documents([{"url": url}]), OptOutLists.of(OptOut()), Scrub()).index)
    (form,) = pl.DataFrame({"url": [url]}).select(plain_url(pl.col("url"))).to_series()
    old = index.with_columns(url_hash=pl.Series([sha256(form)[:HASH_BYTES]], dtype=pl.Binary))
    assert "joe@" not in str(old.get_column("url").to_list())
    assert match_request(old, TakedownRequest(urls=(url,))).height == 1


def test_a_list_names_a_page_in_any_spelling(tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_text("\n".join(ASKED), "utf-8")
    left = admit(documents([{"url": url} for url in STORED]), OptOutLists.of(OptOut(urls=str(tmp_path / "urls.txt"))), Scrub())
    assert left.index.column("url").to_pylist() == [STORED[3], STORED[4], None]
    assert set(left.left_out.column("reason").to_pylist()) == {"opt_out.url"}
