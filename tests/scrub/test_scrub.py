"""The laws of the room: idempotent, row-aligned, blind to batches, linear, and silent about what it found."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.scrub import column, scrub
from pipelines.scrub.candidates import Window
from pipelines.scrub.column import scrub_text
from pipelines.scrub.kind import Kind, placeholder
from pipelines.scrub.kinds import KINDS
from pipelines.scrub.locales import Locale
from pipelines.scrub.phrases import Phrase
from pipelines.scrub.scan import scan
from pipelines.scrub.scrub import redaction_fields, scrub_batch, scrub_digest, verify_clean
from pipelines.text.view import text_view
from schemas.recipe import DEFAULT_KINDS, PII_KINDS, Scrub
from tests.scrub.pii import PII_LIKE, scrubbed, texts

LANGUAGES = st.sampled_from([None, "en", "zh", "de"])


def batch_of(raw: list[str]) -> pa.RecordBatch:
    columns = {"doc_id": pa.array(range(len(raw)), pa.uint64()), "raw_text": texts(raw), "lang": texts(["en"] * len(raw))}
    return pa.RecordBatch.from_pydict(columns)


def test_the_table_has_every_kind_of_the_recipe_and_no_other() -> None:
    assert set(KINDS) == set(PII_KINDS)
    assert {name: placeholder(name).decode() for name in KINDS} == {name: f"<{name.upper()}>" for name in PII_KINDS}


def test_text_takes_the_place_of_raw_text_and_counts_follow() -> None:
    config = Scrub(kinds=("phone", "email"))
    result = scrub_batch(batch_of(["a@b.com, c@d.org, +1 650 253 0000", "nothing", ""]), config)
    assert result.schema == pa.schema(
        [
            ("doc_id", pa.uint64()),
            ("lang", pa.large_string()),
            pa.field("text", pa.large_string(), nullable=False),
            pa.field("n_redacted_phone", pa.uint32(), nullable=False),
            pa.field("n_redacted_email", pa.uint32(), nullable=False),
        ]
    )
    assert result.column("text").to_pylist() == ["<EMAIL>, <EMAIL>, <PHONE>", "nothing", ""]
    assert result.column("n_redacted_phone").to_pylist() == [1, 0, 0]
    assert result.column("n_redacted_email").to_pylist() == [2, 0, 0]


def test_an_empty_batch_has_the_same_schema() -> None:
    batch = batch_of(["a@b.com"])
    assert scrub_batch(batch.slice(0, 0), Scrub()).schema == scrub_batch(batch, Scrub()).schema
    assert scrub_batch(batch.slice(1), Scrub()).num_rows == 0


def test_a_kind_that_is_not_configured_is_left_alone() -> None:
    assert scrubbed("a@b.com 93.184.216.34", config=Scrub(kinds=("ipv4",))) == "a@b.com <IPV4>"
    assert scrubbed("a@b.com", config=Scrub(kinds=())) == "a@b.com"
    assert redaction_fields(Scrub(kinds=())) == []


def test_the_order_of_kinds_in_the_recipe_changes_columns_only() -> None:
    text = "Tel: 13800138000, 536-90-4399 and 4539 1488 0343 6467"
    assert scrubbed(text, config=Scrub(kinds=PII_KINDS[::-1])) == scrubbed(text) == "Tel: <CN_MOBILE>, <US_SSN> and <PAYMENT_CARD>"


@settings(max_examples=300)
@given(PII_LIKE, LANGUAGES)
def test_scrubbing_twice_is_scrubbing_once(text: str, lang: str | None) -> None:
    once = scrubbed(text, lang=lang)
    assert scrubbed(once, lang=lang) == once


KEY_FILE = "scrub.key"
PSEUDONYMS = Scrub(kinds=PII_KINDS, modes=dict.fromkeys(PII_KINDS, "pseudonym"), pseudonym_key_file=KEY_FILE)
LINES = Scrub(kinds=PII_KINDS, modes={"email": "drop_line", "phone": "drop_line", "ipv4": "pseudonym"}, pseudonym_key_file=KEY_FILE)


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(KEY_FILE).write_bytes(b"a key that is long enough")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PII_LIKE, LANGUAGES, st.sampled_from([Scrub(kinds=PII_KINDS), PSEUDONYMS, LINES]))
def test_scrubbing_twice_is_scrubbing_once_with_every_kind_and_mode(key: None, text: str, lang: str | None, config: Scrub) -> None:
    once = scrubbed(text, lang=lang, config=config)
    assert scrubbed(once, lang=lang, config=config) == once
    written = pa.RecordBatch.from_pydict({"text": texts([once]), "lang": texts([lang])})
    assert verify_clean(written, config).num_rows == 0


@given(st.text(max_size=60))
def test_any_text_at_all_goes_through(text: str) -> None:
    once = scrubbed(text)
    assert scrubbed(once) == once


@given(st.lists(PII_LIKE, max_size=5), st.integers(0, 5), st.integers(0, 5))
def test_a_batch_cut_anywhere_gives_the_same_rows(raw: list[str], cut: int, start: int) -> None:
    batch = batch_of(raw)
    whole = scrub_batch(batch, Scrub())
    parts = [scrub_batch(batch.slice(0, cut), Scrub()), scrub_batch(batch.slice(cut), Scrub())]
    assert pa.Table.from_batches(parts).combine_chunks().to_pydict() == whole.to_pydict()
    assert scrub_batch(batch.slice(start), Scrub()).to_pydict() == whole.slice(start).to_pydict()


@given(st.lists(PII_LIKE, max_size=3))
def test_the_counts_are_the_placeholders_that_came_in(raw: list[str]) -> None:
    result = scrub_batch(batch_of(raw), Scrub())
    for row, before in enumerate(raw):
        after = result.column("text")[row].as_py()
        for kind in DEFAULT_KINDS:
            placeholder = f"<{kind.upper()}>"
            assert result.column(f"n_redacted_{kind}")[row].as_py() >= after.count(placeholder) - before.count(placeholder)


def test_placeholders_written_by_the_author_are_no_label() -> None:
    assert scrubbed("<PHONE> 5551234 <PHONE>") == "<PHONE> 5551234 <PHONE>"


def test_nulls_read_as_empty() -> None:
    text, counts = scrub_text(texts([None, "a@b.com"]), texts([None] * 2), texts([None] * 2), Scrub())
    assert text.to_pylist() == ["", "<EMAIL>"]
    assert counts.sum() == 1
    text, _ = scrub_text(texts([None, "x"]), texts([None] * 2), texts([None] * 2), Scrub())
    assert text.to_pylist() == ["", "x"]


CATASTROPHES = (
    "a@", "a@b.", "a@b.com", "a@b.com@", "1234567890", "1 2 3 ", "1-2.3-", ":", "2a00:", "2a00::1 ", "GB82 ", "1.1.1.1.", "93.8.8.8 ",
    "650 253 0000 ", "+16502530000", "Phone: 650-253-0000 ", "call 123 4567 ", "(", "+", "13800138000,", "13800138000~", "13800138000\\",
    "aa:", "aa:b1:22:33:44:55 ", "00-", "12-34-56 ", "a1", "a1_", "a1-", "eyJ1", "eyJ1.",
    "xoxb-1", "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN ",
    "@a", "address: 1 ", "born ", "born 1 May 1980", "x (at) ", "x dot ", "a at b dot ", "plate ", "://a:b@c.de ", "1.2345, 1.2345, ",
    "13800138000/", "650-253-0000,", "4539 1488 0343 6467 ", "邮a@邮.邮", "x-13800138000",
)  # fmt: skip


@pytest.mark.parametrize("unit", CATASTROPHES)
def test_work_grows_with_the_text_and_not_faster(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passes stay few, and what finders are shown in all of them stays within a multiple of the text."""
    passes: list[int] = []
    shown: list[int] = []

    def counting_scan(*arguments: Any) -> Any:
        passes.append(1)
        return scan(*arguments)

    def counting_window(before: bytes, value: bytes, after: bytes, locale: Locale, hinted: bool) -> Window:
        shown.append(len(value))
        return Window(before, value, after, locale, hinted)

    monkeypatch.setattr(column, "scan", counting_scan)
    monkeypatch.setattr(column, "Window", counting_window)
    for n_bytes in (1_000, 16_000):
        passes.clear()
        shown.clear()
        scrubbed(unit * (n_bytes // len(unit.encode())), lang="zh", config=Scrub(kinds=PII_KINDS))
        assert len(passes) <= 8
        assert sum(shown) <= 40 * n_bytes


@pytest.mark.parametrize("unit", CATASTROPHES)
def test_a_megabyte_of_one_pattern_has_few_and_short_candidates(unit: str) -> None:
    data, offsets = text_view(texts([unit * (1_000_000 // len(unit.encode()))]))
    candidates, _ = scan(data, offsets, np.ones(1, np.bool_))
    picked = [candidates.where(kind.picks(candidates)) for kind in KINDS.values() if not isinstance(kind.picks, Phrase)]
    assert sum(int((one.ends - one.starts).sum()) for one in picked) <= 40 * len(data)


def test_digest_follows_whatever_decides() -> None:
    base = scrub_digest(Scrub())
    assert base == scrub_digest(Scrub())
    assert len(base) == 64
    others = [scrub_digest(Scrub(kinds=("email",))), scrub_digest(Scrub(phone_regions=("DE",)))]
    assert len({base, *others}) == 3


def test_digest_follows_the_rules_version(monkeypatch: pytest.MonkeyPatch) -> None:
    base = scrub_digest(Scrub())
    monkeypatch.setattr(scrub, "RULES_VERSION", scrub.RULES_VERSION + 1)
    assert scrub_digest(Scrub()) != base


def test_a_failing_finder_tells_nothing_private(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(window: Window) -> Any:
        raise RuntimeError(f"cannot judge {window!r}")

    text = "write to " + ".".join(("secret", "person")) + "@example.org today"
    monkeypatch.setitem(KINDS, "email", Kind("email", KINDS["email"].picks, broken, "none"))
    with pytest.raises(RuntimeError) as raised:
        scrubbed(text)
    shown = "".join(traceback.format_exception(raised.value))
    assert "bytes" in str(raised.value)
    assert "secret.person" not in shown


def with_meta(meta: list[dict[str, Any] | None], url: str | None = None) -> pa.RecordBatch:
    n = len(meta)
    return pa.RecordBatch.from_pydict(
        {
            "url": pa.array([url] * n, pa.large_string()),
            "lang": pa.array(["en"] * n, pa.large_string()),
            "meta": pa.array([None if row is None else json.dumps(row) for row in meta], pa.large_string()),
            "raw_text": pa.array(["nothing"] * n, pa.large_string()),
        }
    )


def test_what_travels_with_a_text_is_scrubbed_value_by_value() -> None:
    rows = [
        {"title": 'Write\n"jane@bakery.org" now', "pages": 12, "price": 3.5, "open": True},
        None,
        {"card": 4111111111111111, "from": "jane@bakery.org"},
        {"title": "A plain one"},
    ]
    done = scrub_batch(with_meta(rows), Scrub())
    assert [None if row is None else json.loads(row) for row in done.column("meta").to_pylist()] == [
        {"title": 'Write\n"<EMAIL>" now', "pages": 12, "price": 3.5, "open": True},
        None,
        {"card": "<PAYMENT_CARD>", "from": "<EMAIL>"},
        {"title": "A plain one"},
    ]
    assert done.column("n_redacted_email").to_pylist() == [1, 0, 1, 0]
    assert done.column("n_redacted_payment_card").to_pylist() == [0, 0, 1, 0]
    again = scrub_batch(done.set_column(done.schema.get_field_index("text"), "raw_text", done.column("text")), Scrub())
    assert again.column("meta").equals(done.column("meta"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.org/unsubscribe?who=jane@bakery.org&x=1", "http://a.org/unsubscribe?who=<EMAIL>&x=1"),
        ("http://a.org/?who=jane%40bakery.org", "http://a.org/?who=<EMAIL>"),
        ("http://a.org/4111111111111111.html", "http://a.org/4111111111111111.html"),
        ("http://a.org/@someone/%40x", "http://a.org/@someone/%40x"),
        ("http://93.184.216.34:8080/", "http://93.184.216.34:8080/"),
        ("http://93.184.216.34:8080/?from=93.184.216.35", "http://93.184.216.34:8080/?from=<IPV4>"),
        ("http://[2606:2800:220:1:248:1893:25c8:1946]:80/a", "http://[2606:2800:220:1:248:1893:25c8:1946]:80/a"),
        ("http://13800138000.com/jane%40bakery.org", "http://13800138000.com/<EMAIL>"),
        ("https://jane:hunter22@93.184.216.34/", "https://<URL_CREDENTIALS>@93.184.216.34/"),
        (None, None),
    ],
)
def test_a_url_loses_private_values_and_keeps_its_host_and_the_numbers_of_its_page(url: str | None, expected: str | None) -> None:
    assert scrub_batch(with_meta([None], url), Scrub()).column("url").to_pylist() == [expected]
