"""Let a storm loose: `python -m tests.chaos --rounds 300 --seed 7 --setup sqlite`. Exits with 1 on a breach."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.chaos.checks import Finding, Reckoning
from tests.chaos.outage import FORMS, suffer
from tests.chaos.report import judge_deaths, show
from tests.chaos.setups import SETUPS, Setup
from tests.chaos.storm import Storm
from tests.ministack import Ministack


def main() -> int:
    """Go through the set-ups that were asked for; return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="faults begun")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of all that is drawn")
    parser.add_argument("--setup", choices=[*SETUPS, "all"], default="sqlite")
    parser.add_argument("--kills", action="store_true", help="kill flows and supervisors, and harm nothing else")
    parser.add_argument("--outage", action="store_true", help="the API away for 2 minutes, in place of the rounds")
    asked = parser.parse_args()
    # Servers inherit this: the signal may reach one that has not begun to listen for it.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    names = [*SETUPS] if asked.setup == "all" else [asked.setup]
    if not Ministack.is_installed() and any(SETUPS[name].sqs for name in names):
        parser.error(f"{asked.setup} needs ministack: `make .venv-ministack/.installed` installs it")
    if shutil.which("node") is None and any(SETUPS[name].in_functions for name in names):
        parser.error(f"{asked.setup} deploys with the AWS CDK, which needs Node.js")
    breaches = 0
    for name in names:
        if asked.outage:
            forms = [form for form in FORMS if form != "killed" or not SETUPS[name].in_functions]
            breaches += sum(_with_setup(name, asked.seed, Outage(form)) for form in forms)
        else:
            breaches += _with_setup(name, asked.seed, Rounds(asked.rounds, kills_only=asked.kills))
    return 1 if breaches else 0


class Rounds:
    """The storm, round by round."""

    def __init__(self, rounds: int, *, kills_only: bool) -> None:
        self._rounds = rounds
        self._kills_only = kills_only

    def command(self, name: str, seed: int) -> str:
        """Tell what repeats it."""
        return f"make chaos ROUNDS={self._rounds} SEED={seed} SETUP={name}" + " KILLS=1" * self._kills_only

    def run(self, setup: Setup, seed: int, title: Callable[[], str]) -> int:
        """Let it loose, and return how many breaches there were."""
        with closing(Storm(setup, seed, kills_only=self._kills_only)) as storm:
            storm.rage(self._rounds)
            storm.calm()
        reckoning = Reckoning(setup.ledger, setup.book, setup.deployments, storm.creator.orders, storm.paused_after)
        findings = [
            *reckoning.findings(),
            Finding("no order refused", len(storm.creator.orders), storm.creator.refused),
            Finding("the pool's limit held", storm.round, storm.overfull),
            *judge_deaths(storm.coroner, setup.alarms(), reckoning),
        ]
        return show(title(), storm.begun, Counter(run.state for run in reckoning.runs), findings)


class Outage:
    """One outage of two minutes."""

    def __init__(self, form: str) -> None:
        self._form = form

    def command(self, name: str, seed: int) -> str:
        """Tell what repeats it."""
        return f"make chaos OUTAGE=1 SEED={seed} SETUP={name}, the server {self._form}"

    def run(self, setup: Setup, _seed: int, title: Callable[[], str]) -> int:
        """Suffer it, and return how many breaches there were."""
        reckoning, findings = suffer(setup, self._form)
        return show(title(), Counter(), Counter(run.state for run in reckoning.runs), findings)


def _with_setup(name: str, seed: int, what: Rounds | Outage) -> int:
    command = what.command(name, seed)
    print(command, flush=True)
    folder = Path(tempfile.mkdtemp(prefix="alisio-chaos-"))
    begun = time.monotonic()
    setup = Setup(SETUPS[name], folder, seed)
    breaches = 1
    try:
        setup.start()
        breaches = what.run(setup, seed, lambda: f"{command} ({time.monotonic() - begun:.0f} s)")
    finally:
        setup.stop()
        if breaches:
            print(f"logs, book and (SQLite's) database are in {folder}")
        else:
            shutil.rmtree(folder)
    return breaches


if __name__ == "__main__":
    sys.exit(main())
