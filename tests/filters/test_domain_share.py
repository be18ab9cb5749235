"""The cap on a domain's share: what a domain is, how much of it stays, and that order does not show."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters.domain_share import count_domains, keep_fractions, keeps, merge_domain_counts, registered_domains
from schemas.errors import RecipeError
from schemas.recipe import Domains
from tests.text.strategies import column, padded

SIZES = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(1, 10_000), min_size=1)
SHARES = st.floats(0.01, 1)


def ids(n: int) -> pa.Array:
    return pa.array([i.to_bytes(16, "big") for i in range(n)], pa.binary(16))


def counted(sizes: dict[str, int], without: int = 0) -> pl.DataFrame:
    names = pa.array([*sizes, None], pa.large_string())
    return count_domains(names, np.array([*sizes.values(), without]))


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://news.example.co.uk/a?b", "example.co.uk"),
        ("http://EXAMPLE.com:8080/", "example.com"),
        ("http://a.github.io/x", "a.github.io"),
        ("http://10.0.0.1/page", "10.0.0.1"),
        ("http://localhost/", "localhost"),
        ("例え.jp", "例え.jp"),
        ("", None),
        ("http://", None),
    ],
)
def test_a_domain_is_what_someone_registered(url: str, domain: str | None) -> None:
    assert registered_domains(column([url])).to_pylist() == [domain]
    assert registered_domains(padded([url, url])).to_pylist() == [domain, domain]


def test_documents_without_a_url_have_no_domain() -> None:
    assert registered_domains(pa.array([None, "http://a.com"], pa.large_string())).to_pylist() == [None, "a.com"]
    assert registered_domains(column([])).to_pylist() == []


@given(SIZES, st.integers(0, 10_000), SHARES)
def test_what_stays_of_a_domain_is_within_its_share(sizes: dict[str, int], without: int, share: float) -> None:
    fractions = dict(keep_fractions(counted(sizes, without), share).iter_rows())
    left = {name: size * fractions.get(name, 1.0) for name, size in sizes.items()}
    total = sum(left.values()) + without
    assert all(0 < fraction < 1 for fraction in fractions.values())
    if len(sizes) * share > 1 or without:
        reachable = max(left.values()) <= share * total * (1 + 1e-9)
        assert reachable or max(left.values()) <= share * (sum(sizes.values()) + without) * (1 + 1e-9)
    uncut = [size for name, size in sizes.items() if name not in fractions]
    assert max(uncut, default=0) <= max((sizes[name] for name in fractions), default=max(sizes.values()))


def test_the_share_is_that_of_what_stays_and_not_of_what_was() -> None:
    counts = counted({"big": 900, **{f"small{i}": 10 for i in range(10)}})
    ((name, fraction),) = keep_fractions(counts, 0.2).iter_rows()
    assert (name, round(900 * fraction, 6)) == ("big", 25)
    assert keep_fractions(counts, 0.95).is_empty()
    few = dict(keep_fractions(counted({"a": 100, "b": 100}), 0.1).iter_rows())
    assert few == {"a": pytest.approx(0.2), "b": pytest.approx(0.2)}


@given(st.lists(st.sampled_from(["a.com", "b.com", None]), max_size=30), st.integers(0, 30))
def test_counts_of_batches_add_up(domains: list[str | None], cut: int) -> None:
    names, weight = pa.array(domains, pa.large_string()), np.arange(len(domains))
    parts = [count_domains(names[:cut], weight[:cut]), count_domains(names[cut:], weight[cut:])]
    assert merge_domain_counts(parts).equals(count_domains(names, weight))


def test_the_draw_keeps_about_the_fraction_whatever_the_order() -> None:
    n = 20_000
    domain = pa.array(["big" if i % 2 else None for i in range(n)], pa.large_string())
    fractions = pl.DataFrame({"domain": ["big"], "fraction": [0.25]})
    kept = keeps(ids(n), domain, fractions, 7)
    assert kept[::2].all()
    assert kept[1::2].mean() == pytest.approx(0.25, abs=0.02)
    order = np.random.default_rng(0).permutation(n)
    assert np.array_equal(keeps(ids(n).take(pa.array(order)), domain.take(pa.array(order)), fractions, 7), kept[order])
    assert np.array_equal(
        np.concatenate([keeps(ids(n)[:99], domain[:99], fractions, 7), keeps(ids(n)[99:], domain[99:], fractions, 7)]), kept
    )
    assert not np.array_equal(keeps(ids(n), domain, fractions, 8), kept)
    assert keeps(ids(n), domain, fractions.clear(), 7).all()


@pytest.mark.parametrize("share", [0, -0.1, 1.5])
def test_a_share_that_cannot_be_meant_is_refused(share: float) -> None:
    with pytest.raises(RecipeError, match=r"domains\.max_share = .*: must be in \(0, 1\]"):
        Domains(max_share=share)
