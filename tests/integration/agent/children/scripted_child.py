"""A child for tests: it does what its job's parameter `do` names, and speaks the supervisor's protocol itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def main(job: dict[str, Any], report_fd: int, control_fd: int) -> int:
    """Run the behaviour that the job names."""
    child = Child(job, report_fd, control_fd)
    started = job["parameters"].get("started_file")
    if started:
        Path(started).write_text(str(os.getpid()))
    return int(getattr(child, job["parameters"]["do"])() or 0)


def say(text: str) -> None:
    """Print, as a flow does."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Child:
    """The behaviours, one method each."""

    def __init__(self, job: dict[str, Any], report_fd: int, control_fd: int) -> None:
        self.job = job
        self.parameters = job["parameters"]
        self.report_fd = report_fd
        self.control_fd = control_fd

    def send(self, **frame: Any) -> None:
        self.write(json.dumps(frame).encode() + b"\n")

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.report_fd, data) :]

    def end(self, type_: str = "COMPLETED", message: str | None = None) -> None:
        self.send(states=[_state(type_, message)])

    def complete(self) -> None:
        self.send(facts={"name": "tidy-name"}, task_runs=[_task_run("RUNNING")])
        say("hello from the flow")
        sys.stderr.write("and from stderr\n")
        self.send(task_runs=[_task_run("RUNNING", "COMPLETED")], logs=[_log("a line of the engine")])
        self.end()

    def show_place(self) -> None:
        say(json.dumps({"cwd": str(Path.cwd()), "files": sorted(map(str, Path().rglob("*")))}))
        say(json.dumps({"colour": os.environ.get("COLOUR"), "api": os.environ.get("ALISIO_API_URL")}))
        self.end()

    def tell_job(self) -> None:
        Path(self.parameters["path"]).write_text(json.dumps(self.job))
        self.end()

    def be_killed(self) -> None:
        say("last words")
        os.kill(os.getpid(), signal.SIGKILL)

    def exit_three(self) -> int:
        say("going")
        return 3

    def call_exit(self) -> None:
        sys.exit(7)

    def raise_error(self) -> None:
        raise RuntimeError("the engine itself is broken")

    def wait_for_cancel(self) -> None:
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        self.send(facts={"name": "waiting"})
        command = os.read(self.control_fd, 100)
        stopped.wait(60)
        say(f"control said {command.decode().strip()}")
        self.end("CANCELLED", "stopped by its own will")

    def be_stubborn(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        grandchild = subprocess.Popen(["sleep", "600"])
        self.send(facts={"name": "stubborn"})
        say(f"grandchild {grandchild.pid}")
        time.sleep(600)

    def leave_grandchild(self) -> None:
        grandchild = subprocess.Popen(["sleep", "600"])
        say(f"grandchild {grandchild.pid}")
        self.end()

    def fail_first(self) -> None:
        say(f"attempt {self.job['attempt']} in {Path.cwd()}")
        self.end("FAILED" if self.job["attempt"] == 1 else "COMPLETED")

    def sleep(self) -> None:
        self.send(facts={"name": "sleeping"})
        time.sleep(600)

    def wait(self) -> None:
        self.send(facts={"name": "waiting"})
        self.await_gate()
        self.end()

    def await_gate(self) -> None:
        """Wait for the file that lets it go on, where there is to be one."""
        gate = self.parameters.get("gate")
        while gate is not None and not Path(gate).exists():
            time.sleep(0.01)

    def count(self) -> None:
        for number in range(self.parameters["lines"]):
            if number == 10:
                self.await_gate()
            say(f"line {number}")
            time.sleep(self.parameters.get("pause", 0))
        self.end()

    def flood(self) -> None:
        line = "x" * 60
        self.await_gate()
        for number in range(self.parameters["lines"]):
            sys.stdout.write(f"{number} {line}\n")
        self.end()

    def flood_then_touch(self) -> None:
        self.flood()
        Path(self.parameters["ended_file"]).touch()

    def write_rubbish(self) -> None:
        self.write(b"this is not JSON\n[1,2]\n\xff\xfe\n" + b'{"nonsense": 1}\n{"logs": {"a": 1}}\n')
        self.write(b"y" * 3_000_000 + b"\n")
        self.end()

    def write_odd_output(self) -> None:
        out = sys.stdout.buffer
        out.write(b"\xff\xfe undecodable\n" + "ñ".encode() * 50_000 + b"\nwithout an end")
        self.end()

    def send_bad_row(self) -> None:
        self.send(logs=[_log(f"line {number}") for number in range(40)] + [{"level": "poison"}])
        self.end()

    def send_bad_end(self) -> None:
        self.send(states=[{"type": "COMPLETED", "poison": True}])

    def linger(self) -> None:
        self.end()
        time.sleep(self.parameters.get("seconds", 600))
        Path(self.parameters["exited_file"]).touch()


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _state(type_: str, message: str | None = None) -> dict[str, Any]:
    return {"type": type_, "name": type_.capitalize(), "message": message, "timestamp": _now()}


def _task_run(*types: str) -> dict[str, Any]:
    return {
        "id": "01890000-0000-7000-8000-000000000001",
        "task_key": "m.t",
        "name": "t-0",
        "index": 0,
        "states": [_state(type_) for type_ in types],
    }


def _log(message: str) -> dict[str, Any]:
    return {"timestamp": _now(), "level": 20, "logger": "alisio.flow", "message": message}


if __name__ == "__main__":
    fds = int(os.environ["ALISIO_REPORT_FD"]), int(os.environ["ALISIO_CONTROL_FD"])
    sys.exit(main(json.load(sys.stdin), *fds))
