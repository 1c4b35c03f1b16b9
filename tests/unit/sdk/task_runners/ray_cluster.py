"""One Ray cluster for all processes of a test session: it takes seconds to start, and 400 MB.

It runs in a process of its own. Each process that uses it holds a shared lock on a file as long as it does; the
cluster's process waits for the exclusive one, and so ends when the last of them has, however that ended.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[4]
OPTIONS = {
    # More than any single test takes at once, so that tests of several processes do not wait for each other's slots.
    "num_cpus": 4,
    "object_store_memory": 80_000_000,  # the least that Ray takes
    "include_dashboard": False,
    "log_to_driver": False,
}


@contextmanager
def shared_ray(folder: Path) -> Iterator[Any]:
    """Connect this process to the session's cluster, which is started where it does not run.

    Args:
        folder: The same one for all processes of the session.

    Yields:
        The module `ray`.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    token, address = folder / "token", folder / "address"
    os.environ |= {
        # Else Ray makes a token in the home of who runs the tests.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # it listens on 127.0.0.1 alone, as there
    }
    with (folder / "users").open("a") as users:
        with (folder / "starting").open("a") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            if not address.exists():
                _start(folder)
        import ray

        ray.init(address.read_text(), log_to_driver=False, logging_level="ERROR")
        try:
            yield ray
        finally:
            ray.shutdown()


def _start(folder: Path) -> None:
    (folder / "token").write_text(secrets.token_hex(32))
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "tests.unit.sdk.task_runners.ray_cluster", str(folder)]
        host = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )

    def is_up() -> bool:
        assert host.poll() is None, (folder / "log").read_text()
        return (folder / "address").exists()

    wait_until(is_up, 60, lambda: f"Ray to start\n{(folder / 'log').read_text()}")
    host.returncode = 0  # it is left to itself from here on: Python is not to warn that it still runs


def _host(folder: Path) -> None:
    """Run the cluster until nobody uses it any more."""
    import ray

    address = folder / "address"
    with tempfile.TemporaryDirectory(prefix="alisio-ray-", ignore_cleanup_errors=True) as place:
        ray.init(_temp_dir=place, **OPTIONS)
        written = folder / "address.new"
        written.write_text(ray.get_runtime_context().gcs_address)
        written.rename(address)
        with (folder / "users").open("a") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
            address.unlink(missing_ok=True)
            ray.shutdown()


if __name__ == "__main__":
    _host(Path(sys.argv[1]))
