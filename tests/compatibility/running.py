"""Run the examples of a page, one process each, in a home that is the page's own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.compatibility.blocks import MAIN, Block, program, without_main
from tests.compatibility.judging import IMAGES, NETWORK, RAN, Verdict, judge

ASSUMED = {
    "Any": "from typing import Any",
    "FlowRun": "from alisio.client.schemas.objects import FlowRun",
    "INPUTS": "from alisio.cache_policies import INPUTS, RUN_ID, TASK_SOURCE",
    "Path": "from pathlib import Path",
    "UUID": "from uuid import UUID",
    "asyncio": "import asyncio",
    "datetime": "from datetime import datetime",
    "flow": "from alisio import flow",
    "get_client": "from alisio import get_client",
    "get_run_logger": "from alisio import get_run_logger",
    "httpx": "import httpx",
    "os": "import os",
    "task": "from alisio import task",
    "time": "import time",
    "timedelta": "from datetime import timedelta",
    "uuid": "import uuid",
}
"""Names that excerpts use without importing them, and where readers take them from."""

POOL = re.compile(r"work_pool(?:_name)?=[\"']([^\"']+)[\"']")
UP = re.compile(r"^serving |serves work pool|Uvicorn running", re.MULTILINE)


@dataclass
class Page:
    """A page whose examples run one after another.

    Attributes:
        folder: Where its files lie, and its programs run.
        home: The ALISIO_HOME.
        seconds: How long each example may take.
        good: What ran, or would but for what its main part asks of the world; later examples build upon it.
        pools: The work pools that there are.
    """

    folder: Path
    home: Path
    seconds: float
    good: list[Block] = field(default_factory=list)
    pools: set[str] = field(default_factory=set)

    def run(self, block: Block) -> Verdict:
        """Run one example: by itself; and if it lacks a name, after those before it."""
        for name in set(POOL.findall(block.source)) - self.pools:
            self._command("work-pool", "create", name)
            self.pools.add(name)
        verdict = Verdict("", "", None)
        for earlier in ([], self.good):
            verdict = self._with_assumed(block, earlier)
            if verdict.lacks is None:
                break
        if verdict.kind == RAN or (MAIN.search(block.source) and verdict.why in (IMAGES, NETWORK)):
            self.good.append(block)
        return verdict

    def close(self) -> None:
        """End the server that the examples started, if they did."""
        self._command("server", "stop")

    def _with_assumed(self, block: Block, earlier: list[Block]) -> Verdict:
        """Run it; as often as it lacks a name that excerpts leave out, with that name."""
        given: list[str] = []
        while True:
            verdict = self._once(block, earlier, given)
            line = ASSUMED.get(verdict.lacks or "")
            if line is None or line in given:
                return verdict
            given.append(line)

    def _once(self, block: Block, earlier: list[Block], given: list[str]) -> Verdict:
        before = "\n".join((*given, *(without_main(each.source) for each in earlier)))
        try:
            source = program(f"{before}\n{block.source}" if before else block.source)
        except SyntaxError as error:
            return Verdict.of_fragment(error)
        path = self.folder / block.file_name
        path.write_text(source)
        serves = re.search(r"\ba?serve\(|uvicorn\.run|\.start\(", source) is not None
        code, output, ended = self._process([sys.executable, path.name], self.seconds, serves)
        return judge(block, path.name, source, code, output, ended)

    def _command(self, *arguments: str) -> None:
        self._process([str(Path(sys.executable).with_name("alisio")), *arguments], 60, False)

    def _process(self, command: list[str], seconds: float, serves: bool) -> tuple[int | None, str, bool]:
        """Run a command to its end, or to its limit, or until it serves.

        Returns:
            Its exit code, None at the limit; what it wrote; whether it was ended once it served.
        """
        log = self.folder / ".output"
        with log.open("w+b") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            end = time.monotonic() + seconds
            up = False
            while process.poll() is None and time.monotonic() < end and not up:
                time.sleep(0.05)
                up = serves and UP.search(log.read_text(errors="replace")) is not None
            code = process.poll()
            _end(process)
        return code, log.read_text(errors="replace"), up and code is None

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ALISIO_", "PREFECT_"))}
        port = (self.home / "port").read_text()
        return {**kept, "ALISIO_HOME": str(self.home), "ALISIO_SERVER_API_PORT": port, "PYTHONUNBUFFERED": "1"}


@contextmanager
def opened(seconds: float) -> Iterator[Page]:
    """Give a page an empty home and folder, and remove all of it in the end."""
    with TemporaryDirectory(prefix="alisio-compatibility-", ignore_cleanup_errors=True) as root:
        page = Page(Path(root, "work"), Path(root, "home"), seconds)
        page.folder.mkdir()
        page.home.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            (page.home / "port").write_text(str(free.getsockname()[1]))
        try:
            yield page
        finally:
            page.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs, as ctrl+c does, and what it left in its group."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            if process.poll() is None:
                os.killpg(process.pid, number)
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return
