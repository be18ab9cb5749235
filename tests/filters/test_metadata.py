"""Predicates over dates, licences and metadata."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.filters.chain import FilterChain
from schemas.errors import RecipeError
from schemas.recipe import Metadata
from tests.filters.helpers import chain_of, documents, outcome


def batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Documents with these values of fetched_at, licence and meta."""
    found = documents(["text"] * len(rows))
    for name in ("fetched_at", "licence", "meta"):
        field = found.schema.field(name)
        values = [json.dumps(row[name]) if name == "meta" and name in row else row.get(name) for row in rows]
        found = found.set_column(found.schema.get_field_index(name), field, pa.array(values, field.type))
    return found


def chain(**settings: Any) -> FilterChain:
    return chain_of(["metadata"], **{f"filters.metadata.{key}": value for key, value in settings.items()})


def test_a_score_is_kept_from_the_limit_on_and_its_absence_drops() -> None:
    rows = batch([{"meta": {"score": 3}}, {"meta": {"score": 2.5}}, {"meta": {"score": "7"}}, {"meta": {}}, {}])
    judged = chain(**{"min.score": 3})
    assert outcome(judged, rows) == [None, "metadata.min.score", None, "metadata.min.score", "metadata.min.score"]
    assert [(row["value"], row["limit"]) for row in judged(rows)[1].to_pylist()] == [(2.5, 3), (None, 3), (None, 3)]


def test_a_maximum_is_kept_up_to_the_limit() -> None:
    assert outcome(chain(**{"max.n": 0}), batch([{"meta": {"n": 0}}, {"meta": {"n": 1}}])) == [None, "metadata.max.n"]


def test_types_are_kept_or_dropped_by_value() -> None:
    rows = batch([{"meta": {"case type": "civil"}}, {"meta": {"case type": "other"}}, {}])
    assert outcome(chain(**{"keep.case type": ["civil"]}), rows) == [None, *["metadata.keep.case type"] * 2]
    assert outcome(chain(**{"drop.case type": ["civil"]}), rows) == ["metadata.drop.case type", None, None]


def test_licences_are_compared_whatever_the_case() -> None:
    rows = batch([{"licence": "MIT"}, {"licence": "GPL-3.0"}, {}])
    assert outcome(chain(licences=["mit"]), rows) == [None, "metadata.licences", "metadata.licences"]


def test_dates_begin_with_their_day_and_end_before_it() -> None:
    when = [datetime.datetime(2024, 6, day, 23, tzinfo=datetime.UTC) for day in (24, 25, 26)]
    rows = batch([*({"fetched_at": one} for one in when), {}])
    assert outcome(chain(fetched_from="2024-06-25"), rows) == ["metadata.fetched_from", None, None, "metadata.fetched_from"]
    assert outcome(chain(fetched_before="2024-06-26"), rows)[:3] == [None, None, "metadata.fetched_before"]


def test_the_first_rule_that_fails_is_the_reason() -> None:
    rows = batch([{"licence": "MIT", "meta": {"score": 1}}, {"meta": {"score": 1}}])
    assert outcome(chain(**{"min.score": 3, "licences": ["MIT"]}), rows) == ["metadata.min.score", "metadata.licences"]


def test_no_predicate_drops_nothing_and_no_row_is_fine() -> None:
    assert outcome(chain(), batch([{}])) == [None]
    assert outcome(chain(**{"min.score": 3}), batch([{}]).slice(0, 0)) == []


def test_a_key_that_cannot_be_asked_for_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"filters\.metadata\.keep = .*must not contain a quote"):
        Metadata(keep={"it's": ("x",)})


def test_sources_and_hosts_are_kept_or_dropped_by_name_or_by_a_list(tmp_path: Path) -> None:
    (tmp_path / "hosts.txt").write_text("a.example.org\n\nexample.com\n", "utf-8")
    rows = documents(["text"] * 4, urls=["http://A.example.org:80/x", "http://b.example.org/", "http://example.com", None])
    hosts = str(tmp_path / "hosts.txt")
    assert outcome(chain(**{"keep_lists.host": hosts}), rows) == [None, "metadata.keep_lists.host", None, "metadata.keep_lists.host"]
    assert outcome(chain(**{"drop_lists.host": hosts}), rows) == ["metadata.drop_lists.host", None, "metadata.drop_lists.host", None]
    assert outcome(chain(**{"drop.source": ["web"]}), rows) == ["metadata.drop.source"] * 4
    assert outcome(chain(**{"keep.source": ["web", "books"]}), rows) == [None] * 4
    typed = batch([{"meta": {"type": "民事"}}, {"meta": {"type": "行政"}}])
    (tmp_path / "types.txt").write_text("刑事\n民事\n", "utf-8")
    assert outcome(chain(**{"keep_lists.type": str(tmp_path / "types.txt")}), typed) == [None, "metadata.keep_lists.type"]


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"filters\.metadata\.keep_lists\.type = .*nowhere.*: cannot be read as a list"):
        outcome(chain(**{"keep_lists.type": str(tmp_path / "nowhere")}), batch([{}]))
