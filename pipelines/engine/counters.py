"""Beam counters by room: what entered, what left and how.

Rooms and names may come from data: sources, columns, rules. Beam takes neither an empty name nor a lone surrogate, and other runners may
take less. So names are percent-encoded on the way to Beam and decoded on the way back, which any string survives; an ordinary name is its
own code. An encoding needs no list of names in the driver, as numbers would. What has two names, such as an evaluation item with its set,
is counted by number instead, because names that are joined cannot be told apart again.
"""

from typing import Final
from urllib.parse import quote, unquote

import pyarrow as pa
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.runners.runner import PipelineResult

_EMPTY: Final = "%"
"""The code of the empty string; every other "%" precedes two digits."""


def count(room: str, /, **numbers: int) -> None:
    """Add to the room's counters, such as n_in and n_out. A name may be any string."""
    for name, number in numbers.items():
        Metrics.counter(encode_name(room), encode_name(name)).inc(int(number))


def most_seen(room: str, /, **numbers: int) -> None:
    """Raise the room's counters to these numbers where they are lower. A name may be any string."""
    for name, number in numbers.items():
        Metrics.distribution(encode_name(room), encode_name(name)).update(int(number))


def count_outcomes(room: str, ledger: pa.RecordBatch) -> None:
    """Add the ledger rows to the room's counters dropped, merged and failed."""
    outcomes = ledger.column("outcome").value_counts().to_pylist()
    count(room, **{row["values"]: row["counts"] for row in outcomes})


def counters_of(result: PipelineResult) -> dict[str, dict[str, int]]:
    """By room and name, the sum of every counter and the largest value of every distribution."""
    rooms: dict[str, dict[str, int]] = {}
    found = result.metrics().query(MetricsFilter())
    for metric in found["counters"]:  # a runner may give a counter of 0 as None
        room, name = rooms.setdefault(decode_name(metric.key.metric.namespace), {}), decode_name(metric.key.metric.name)
        room[name] = room.get(name, 0) + (metric.result or 0)
    for metric in found["distributions"]:
        room, name = rooms.setdefault(decode_name(metric.key.metric.namespace), {}), decode_name(metric.key.metric.name)
        most = metric.result.max if metric.result else 0
        room[name] = max(room.get(name, 0), most or 0)
    return rooms


def encode_name(name: str) -> str:
    """Any string -> printable ASCII, not empty; different strings give different codes."""
    return quote(name, safe=" ", errors="surrogatepass") or _EMPTY


def decode_name(code: str) -> str:
    """The string that `encode_name` made this code of."""
    return "" if code == _EMPTY else unquote(code, errors="surrogatepass")
