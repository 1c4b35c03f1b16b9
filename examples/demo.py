"""The whole of Alisio in a minute: server, agent, a deployment with a schedule, runs, and what came of them.

    python examples/demo.py [--oneshot]

It uses the public commands only, each of which it shows, with a folder and a port of its own, and leaves nothing
behind. It goes on until Ctrl-C; with `--oneshot` it ends when a manual and a scheduled run are COMPLETED.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

WEATHER = Path(__file__).resolve().parent / "weather"
DEPLOYMENT = "seattle-weather/every-few-seconds"
LIVE = ("SCHEDULED", "PENDING", "RUNNING", "CANCELLING")
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class DemoError(Exception):
    """Something did not go as it should; the text says what."""


class Demo:
    """A server, an agent and a deployment that live as long as the demo."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports = folder / "reports"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.console = Console()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("ALISIO_")} | {
            "ALISIO_HOME": str(folder / "home"),
            "ALISIO_API_URL": f"{self.url}/api",
            "ALISIO_SERVER_API_PORT": self.url.rpartition(":")[2],
        }
        self.services: dict[str, subprocess.Popen[bytes]] = {}

    def show(self) -> None:
        """Start everything, and show one manual and one scheduled run, and the report."""
        self.say("A server, a work pool, and an agent on it")
        self.start_service("server", "server", "start")
        self.wait(lambda: self.alisio("server", "status").returncode == 0, "the server to answer")
        self.console.print(f"the server's page is {self.url}", style="green", soft_wrap=True)
        self.command("work-pool", "create", "weather")
        self.start_service("agent", "agent", "start", "-p", "weather")
        self.say("A deployment of examples/weather that runs every five seconds")
        self.command("deploy", "--all", "--param", f"report={self.reports / 'scheduled.md'}", cwd=WEATHER)
        self.say("A run by hand with parameters of its own, watched to its end")
        report = self.reports / "manual.md"
        self.command("deployment", "run", DEPLOYMENT, "--param", "year=2015", "--param", f"report={report}", "--watch")
        self.say("A run that the schedule made")
        scheduled = self.wait(lambda: self.runs(("RUNNING", *ENDED), "schedule"), "a scheduled run to start")
        self.command("flow-run", "watch", scheduled[-1]["id"])
        self.say("The report that the first of them published")
        self.console.print(Markdown(report.read_text(encoding="utf-8")))
        self.say("The runs until now")
        self.command("flow-run", "ls", "--state", "COMPLETED")
        for origin, name in (("api", "manual"), ("schedule", "scheduled")):
            self.console.print(f"{len(self.runs(['COMPLETED'], origin))} {name} COMPLETED", style="green")

    def stay(self) -> None:
        """Tell of every run that ends, until Ctrl-C."""
        self.say(f"The server stays at {self.url} (ALISIO_API_URL={self.url}/api). Ctrl-C ends the demo.")
        told = {run["id"] for run in self.runs(ENDED)}
        while True:
            for run in reversed(self.runs(ENDED)):
                if run["id"] not in told:
                    told.add(run["id"])
                    self.console.print(f"{run['state']['timestamp']}  {run['name']}  {run['state']['name']}")
            self.check_services()
            time.sleep(1)

    def stop(self) -> None:
        """End the runs, the agent and the server, in this order, whatever state they are in."""
        if self.is_up("server"):
            self.alisio("deployment", "pause", DEPLOYMENT)
        self.stop_service("agent")
        for run in self.runs(LIVE):
            self.alisio("flow-run", "cancel", run["id"])
        end = time.monotonic() + 40
        while self.is_up("server") and self.runs(LIVE) and time.monotonic() < end:
            time.sleep(0.2)
        self.stop_service("server")

    # The parts

    def say(self, text: str) -> None:
        """Print a heading."""
        self.console.print(f"\n[bold]{text}[/bold]", soft_wrap=True)

    def command(self, *arguments: str, cwd: Path | None = None) -> None:
        """Show a command and what it prints; it must succeed."""
        self.console.print(f"$ alisio {shlex.join(arguments)}", style="cyan", soft_wrap=True)
        sys.stdout.flush()
        done = subprocess.run(alisio(*arguments), env=self.environment, cwd=cwd or self.folder)
        if done.returncode != 0:
            raise DemoError(f"`alisio {shlex.join(arguments)}` ended with {done.returncode}")

    def alisio(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command without showing it."""
        return subprocess.run(alisio(*arguments), env=self.environment, cwd=self.folder, capture_output=True, text=True)

    def runs(self, states: Iterable[str], created_by: str | None = None) -> list[dict[str, Any]]:
        """List the newest runs in these states; none when nobody answers."""
        options = [option for state in states for option in ("--state", state)]
        done = self.alisio("flow-run", "ls", "--output", "json", "--limit", "100", *options)
        runs: list[dict[str, Any]] = json.loads(done.stdout) if done.returncode == 0 else []
        return [run for run in runs if created_by in (None, run["created_by"])]

    def start_service(self, name: str, *arguments: str) -> None:
        """Start a command that stays. Its own session keeps Ctrl-C from it, so that the demo ends it in good order."""
        self.console.print(f"$ alisio {shlex.join(arguments)} &", style="cyan")
        with (self.folder / f"{name}.log").open("wb") as log:
            self.services[name] = subprocess.Popen(
                alisio(*arguments),
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop_service(self, name: str) -> None:
        """End a command that stays, as Ctrl-C would; kill it if it does not end."""
        service = self.services.get(name)
        if service is None:
            return
        service.send_signal(signal.SIGINT)
        try:
            service.wait(timeout=15)
        except subprocess.TimeoutExpired:
            service.kill()
            service.wait()

    def is_up(self, name: str) -> bool:
        """Tell whether a command that stays is there."""
        return name in self.services and self.services[name].poll() is None

    def check_services(self) -> None:
        """Fail when the server or the agent is gone."""
        for name, service in self.services.items():
            if not self.is_up(name):
                raise DemoError(f"the {name} ended with {service.returncode}")

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Ask until the answer is true, and return it."""
        end = time.monotonic() + 60
        while not (answer := condition()):
            self.check_services()
            if time.monotonic() > end:
                raise DemoError(f"waited a minute in vain for {what}")
            time.sleep(0.2)
        return answer

    def print_logs(self) -> None:
        """Print the last lines of what server and agent said."""
        for path in sorted(self.folder.glob("*.log")):
            self.console.print(f"\n[bold]{path.name}[/bold]")
            self.console.print("\n".join(path.read_text(encoding="utf-8").splitlines()[-30:]), markup=False)


def main(arguments: list[str]) -> int:
    """Run the demo, and clean up after it, however it ends."""
    if unknown := set(arguments) - {"--oneshot"}:
        print(f"unknown option {', '.join(sorted(unknown))}; there is only --oneshot", file=sys.stderr)
        return 2
    # Also where a shell's `&` has SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    code = 130
    folder = Path(tempfile.mkdtemp(prefix="alisio-demo-"))
    demo = Demo(folder)
    try:
        demo.show()
        code = 0
        if "--oneshot" not in arguments:
            demo.stay()
    except KeyboardInterrupt:
        demo.say("Ending")
    except DemoError as error:
        code = 1
        demo.print_logs()
        demo.console.print(f"\n{error}", style="red", markup=False)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        demo.stop()
        shutil.rmtree(folder)
    return code


def alisio(*arguments: str) -> list[str]:
    """Say how to call the `alisio` command of this Python."""
    return [sys.executable, "-m", "alisio.cli", *arguments]


def free_port() -> int:
    """Find a port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
