"""One outage, to the letter: the API is away for two minutes in the middle of 20 runs, and all of them complete."""

from __future__ import annotations

import signal
import time

from tests.chaos.checks import Finding, Reckoning
from tests.chaos.creator import Creator, Order
from tests.chaos.ledger import ENDED, read_book
from tests.chaos.setups import Setup
from tests.waiting import wait_until

SECONDS = 120.0
RUNS = 20
FORMS = ("killed", "unreachable")
_UNDER_WAY = 10
_RUN_SECONDS = 8.0


def suffer(setup: Setup, form: str) -> tuple[Reckoning, list[Finding]]:
    """Have the API away while runs are under way.

    Args:
        setup: A running Alisio.
        form: `killed`, with nobody to tick; or `unreachable`, while the server ends the leases that it sees run out.

    Returns:
        The reckoning, and what it found.
    """
    setup.pause_schedules()
    setup.ask("PATCH", "/work-pools/storm", {"concurrency_limit": None})
    creator = Creator(setup.proxy.url, setup.headers, setup.deployments)
    try:
        for number in range(RUNS):
            creator.order(Order("slow", f"outage-{number}", 0, {"seconds": _RUN_SECONDS}))
        wait_until(lambda: len(_begun(setup)) >= _UNDER_WAY, 60, "runs to be under way")
        _go_away(setup, form)
        time.sleep(SECONDS)
        _come_back(setup, form)
        wait_until(lambda: creator.is_idle, 60, "every order to be answered")
        query = f"SELECT count(*) FROM flow_run WHERE state_type NOT IN {ENDED}"
        wait_until(lambda: setup.ledger.one(query) == 0, 180, "every run to end")
    finally:
        creator.close()
    reckoning = Reckoning(setup.ledger, setup.book, setup.deployments, creator.orders)
    findings = reckoning.findings()
    if form == "killed":
        # Nobody was there to end a lease, and the guard keeps those that ran out meanwhile.
        findings.append(reckoning.none_begun_again("none that had begun was begun again", reckoning.runs))
    return reckoning, findings


def _begun(setup: Setup) -> set[str]:
    return {entry.run for entry in read_book(setup.book)}


def _go_away(setup: Setup, form: str) -> None:
    if form == "killed":
        setup.servers[0].end(signal.SIGKILL)
    else:
        setup.proxy.refuses = True


def _come_back(setup: Setup, form: str) -> None:
    if form == "killed":
        setup.servers[0].start()
    else:
        setup.proxy.refuses = False
