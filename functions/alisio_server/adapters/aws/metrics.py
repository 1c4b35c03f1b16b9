"""Metrics of CloudWatch, written to standard output in its embedded format (EMF), from where Lambda takes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from alisio_server.orchestration.gauges import PoolGauge

COUNT = MetricUnit.Count
SECONDS = MetricUnit.Seconds


def emit(values: Mapping[str, float], *, unit: MetricUnit = COUNT, pool: str | None = None) -> None:
    """Write metrics of this stage.

    Args:
        values: By the names of the metrics.
        unit: Of all of them.
        pool: The work pool that they are about; None: the whole stage.
    """
    metrics = EphemeralMetrics()
    metrics.service = ""  # the name of the function would be one more dimension
    metrics.add_dimension("stage", os.environ["ALISIO_STAGE"])
    if pool is not None:
        metrics.add_dimension("pool", pool)
    for name, value in values.items():
        metrics.add_metric(name, unit, value)
    metrics.flush_metrics()


def emit_gauges(gauges: Iterable[PoolGauge]) -> None:
    """Write what there is to do, of each pool and of the stage."""
    pools = list(gauges)
    for gauge in pools:
        emit({"DueRuns": gauge.due, "RunningRuns": gauge.running}, pool=gauge.pool)
    emit(
        {
            "DueRuns": sum(gauge.due for gauge in pools),
            "RunningRuns": sum(gauge.running for gauge in pools),
            "LateRuns": sum(gauge.late for gauge in pools),
        }
    )
    emit({"OldestDueSeconds": max((gauge.oldest_due_seconds for gauge in pools), default=0.0)}, unit=SECONDS)
