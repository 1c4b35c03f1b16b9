"""Who runs the workloads of one process: we without a server, we with one, Prefect with one, and DBOS, which has none.

All store in SQLite, and we with a server in PostgreSQL too. Each workload waits until its rows are in that database.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.databases import postgres
from benchmarks.interleaved import interleaved
from benchmarks.products import ALISIO, DBOS, PREFECT, Product
from benchmarks.stacks import Stack, stack

EMBEDDED = "alisio"
SERVED = "alisio with a server"
ON_POSTGRESQL = "alisio with a server on PostgreSQL"
PEER = "prefect"
WHERE = {EMBEDDED: "no server", SERVED: "with a server", ON_POSTGRESQL: "with a server on PostgreSQL"}
"""What labels of figures call ours."""

_ALONE = {EMBEDDED: ALISIO, DBOS.name: DBOS}

Answer: TypeAlias = dict[str, Any]
Runner: TypeAlias = Callable[..., Answer]


def samples_of(
    workload: str, arguments: Mapping[str, Sequence[str]], *, runs: int = 7, fewer: Mapping[str, int] | None = None
) -> dict[str, list[Answer]]:
    """Run a workload in turn by each.

    The process warms itself up before it measures, and each sample starts one, so no round is left out.

    Args:
        workload: The script's name.
        arguments: What to measure, by whose run it is.
        runs: How often each runs it.
        fewer: How often those run it that run it less; Prefect once, where nothing else is said.

    Returns:
        What the workload printed, by whose run it is.
    """
    with ExitStack() as ends:
        subjects = {name: partial(_runner(name, ends), workload, *asked) for name, asked in arguments.items()}
        return interleaved(subjects, runs=runs, warm_ups=0, fewer={PEER: 1, **(fewer or {})})


def _runner(name: str, ends: ExitStack) -> Runner:
    """Start what is needed, and give what runs a workload with the arguments that follow its database."""
    if name in _ALONE:
        home = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="alisio-bench-")))
        return partial(_run_alone, _ALONE[name], home)
    if name == ON_POSTGRESQL:
        database = ends.enter_context(postgres()).create_database(empty=True)
        return partial(_run_served, ends.enter_context(stack(database=database)), database)
    running = ends.enter_context(stack(PREFECT if name == PEER else ALISIO))
    return partial(_run_served, running, str(running.home / running.product.database))


def _run_alone(product: Product, home: Path, workload: str, *arguments: str) -> Answer:
    environment = product.environment(home)
    return product.run_workload(workload, home / product.database, *arguments, environment=environment)


def _run_served(running: Stack, database: str, workload: str, *arguments: str) -> Answer:
    return running.run_workload(workload, database, *arguments)
