"""Beam counters by room: what entered, what left and how."""

import pyarrow as pa
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.runners.runner import PipelineResult


def count(room: str, **numbers: int) -> None:
    """Add to the room's counters, such as n_in and n_out."""
    for name, number in numbers.items():
        Metrics.counter(room, name).inc(int(number))


def most_seen(room: str, **numbers: int) -> None:
    """Raise the room's counters to these numbers where they are lower."""
    for name, number in numbers.items():
        Metrics.distribution(room, name).update(int(number))


def count_outcomes(room: str, ledger: pa.RecordBatch) -> None:
    """Add the ledger rows to the room's counters dropped, merged and failed."""
    outcomes = ledger.column("outcome").value_counts().to_pylist()
    count(room, **{row["values"]: row["counts"] for row in outcomes})


def counters_of(result: PipelineResult) -> dict[str, dict[str, int]]:
    """By room and name, the sum of every counter and the largest value of every distribution."""
    rooms: dict[str, dict[str, int]] = {}
    found = result.metrics().query(MetricsFilter())
    for metric in found["counters"]:  # a runner may give a counter of 0 as None
        room = rooms.setdefault(metric.key.metric.namespace, {})
        room[metric.key.metric.name] = room.get(metric.key.metric.name, 0) + (metric.result or 0)
    for metric in found["distributions"]:
        room = rooms.setdefault(metric.key.metric.namespace, {})
        most = metric.result.max if metric.result else 0
        room[metric.key.metric.name] = max(room.get(metric.key.metric.name, 0), most or 0)
    return rooms
