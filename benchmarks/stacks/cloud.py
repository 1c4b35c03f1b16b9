"""Alisio as it is deployed to AWS, on this machine: `alisio cloud up --local`, with ministack for AWS.

What is measured on it is the emulator too: its HTTP API, its SQS, its clocks, and functions that it runs as processes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alisio.cloud.local.cloud import find_local_cloud
from benchmarks.products import ALISIO
from benchmarks.stacks.alisio import AlisioStack
from benchmarks.stacks.base import Stack
from tests.e2e.backends import CloudBackend

_GIVEN = ("ALISIO_API_URL", "ALISIO_API_KEY", "AWS_")


@contextmanager
def cloud() -> Iterator[Stack]:
    """Bring a cloud up, with the stage `local` deployed; take it down, with all that it kept, afterwards."""
    with tempfile.TemporaryDirectory(prefix="alisio-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        backend = CloudBackend(home)
        try:
            backend.start()
            found = find_local_cloud(Path(backend.environment["ALISIO_HOME"]))
            assert found is not None
            running = AlisioStack(ALISIO, home, backend.api_url, found.database_url)
            given = {name: value for name, value in backend.environment.items() if name.startswith(_GIVEN)}
            running.environment = ALISIO.environment(home) | given
            running.api.headers["Authorization"] = f"Bearer {given['ALISIO_API_KEY']}"
            try:
                yield running
            finally:
                running.close()
        finally:
            backend.stop()
