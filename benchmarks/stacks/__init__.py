"""A server of a product, with a folder of its own, for rows that need one.

Example:
    with stack(PREFECT) as running:
        deployment = running.deploy("empty", "empty", pool="bench")
        with running.worker("bench", limit=10):
            run = running.finished(running.create_run(deployment))
        assert running.completed("flow_run") == 1
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.processes import free_port, process, wait_for
from benchmarks.products import ALISIO, PREFECT, Product
from benchmarks.stacks.alisio import AlisioStack
from benchmarks.stacks.base import Run, Stack
from benchmarks.stacks.prefect import PrefectStack

__all__ = ["Run", "Stack", "stack"]

_STACKS: Mapping[Product, type[Stack]] = {ALISIO: AlisioStack, PREFECT: PrefectStack}


@contextmanager
def stack(
    product: Product = ALISIO,
    *,
    database: str | None = None,
    arguments: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Start a server on a free port of 127.0.0.1; end it, and remove its folder, afterwards.

    Args:
        product: Whose.
        database: A PostgreSQL database (`postgresql://…`, empty); None: SQLite in the folder.
        arguments: Further ones of the command that starts the server, such as `--workers 3`.
        settings: Variables over those of the product's, for the server and what uses it.
    """
    with tempfile.TemporaryDirectory(prefix="alisio-bench-", ignore_cleanup_errors=True) as folder, ExitStack() as ends:
        port = free_port()
        made = _STACKS[product](product, Path(folder), f"http://127.0.0.1:{port}/api", database)
        made.environment |= dict(settings or {})
        ends.callback(made.close)
        made.prepare()
        made.server = ends.enter_context(process([*made.server_command(port), *arguments], made.environment))
        wait_for(lambda: made.api.get("health").status_code == 200)
        yield made
