"""The storm's own reckoning: it must see what goes wrong, or its silence says nothing."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from alisio_server.embedded import upgrade_database
from tests.chaos.checks import Finding, Reckoning, alarms_in
from tests.chaos.creator import Order
from tests.chaos.deaths import Coroner, Executor
from tests.chaos.kinds import KINDS
from tests.chaos.ledger import Ledger

DEPLOYMENTS = {name: str(UUID(int=number + 100)) for number, name in enumerate(KINDS)}
RUN = UUID(int=1)


class Books:
    """A database with one completed run of the kind `once`, and the book that its flow wrote."""

    def __init__(self, folder: Path) -> None:
        self.book = folder / "book"
        self._file = folder / "alisio.db"
        self.url = f"sqlite:///{self._file}"
        upgrade_database(self.url)
        deployment = UUID(DEPLOYMENTS["once"]).hex
        self.execute(f"""
            INSERT INTO flow_run (id, name, flow_id, deployment_id, idempotency_key, created_by, root_flow_run_id,
                parameters, job_variables, tags, state_type, state_name, state_timestamp, provisional, due, attempt,
                unstarted_claims, report_sequence, lease_extended, wake_interval, retries, retry_delays, retries_used,
                created, updated)
            VALUES ('{RUN.hex}', 'r', '0', '{deployment}', 'k', 'api', '{RUN.hex}', '{{}}', '{{}}', '[]', 'COMPLETED',
                'Completed', '2026-01-01', 0, '2026-01-01', 1, 0, 0, 0, 60, 0, '[]', 0, '2026-01-01', '2026-01-01')
        """)
        self.execute(f"""
            INSERT INTO task_run (id, flow_run_id, attempt, task_key, name, "index", tags, inputs, state_type,
                state_name, history)
            VALUES ('t', '{RUN.hex}', 1, 'step', 'step-0', 0, '[]', '{{}}', 'COMPLETED', 'Completed', '[]')
        """)
        for label in ("main", "step-0"):
            self.log(label)
            self.write(label, "begin")
            self.write(label, "end")

    def execute(self, statement: str) -> None:
        with sqlite3.connect(self._file) as connection:
            connection.execute(statement)
        connection.close()

    def log(self, label: str) -> None:
        self.execute(
            "INSERT INTO log (flow_run_id, attempt, timestamp, level, logger, message) "
            f"VALUES ('{RUN.hex}', 1, '2026-01-01', 20, 'l', 'mark {label}')"
        )

    def write(self, label: str, event: str, attempt: int = 1) -> None:
        with self.book.open("a") as book:
            book.write(f"{RUN} {attempt} {label} {event} 1 0.0\n")

    def breaches(self, key: str = "k") -> list[str]:
        """Name the promises that the reckoning finds broken."""
        order = Order("once", key, 1, {}, str(RUN))
        reckoning = Reckoning(Ledger(self.url), self.book, DEPLOYMENTS, [order])
        findings: list[Finding] = reckoning.findings()
        return [finding.promise for finding in findings if finding.breaches]


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """Books in which all is well."""
    return Books(tmp_path)


def test_all_is_well(books: Books) -> None:
    """Books that agree have no breach."""
    assert [] == books.breaches()


def test_a_run_that_was_lost(books: Books) -> None:
    """An order that was answered and is not in the database is found."""
    assert ["no run lost, none made twice"] == books.breaches(key="another")


@pytest.mark.parametrize(
    ("promise", "harm"),
    [
        ("nothing of an attempt begun twice", lambda books: books.write("main", "begin")),
        ("no second attempt without retries", lambda books: books.write("main", "begin", attempt=2)),
        (
            "none stuck, each in an end that it may have",
            lambda books: books.execute("UPDATE flow_run SET state_type = 'FAILED'"),
        ),
        (
            "no slot left",
            lambda books: books.execute(f"INSERT INTO concurrency_slot VALUES ('work-pool:1', '{RUN.hex}', 1)"),
        ),
        ("completed runs did all they had to", lambda books: books.book.write_text("")),
        ("each task run stored once, and ended", lambda books: books.execute("DELETE FROM task_run")),
        ("each task run stored once, and ended", lambda books: books.execute("UPDATE task_run SET attempt = 0")),
        ("each log line stored once", lambda books: books.log("main")),
        ("each log line stored once", lambda books: books.execute("DELETE FROM log")),
    ],
)
def test_what_goes_wrong(books: Books, promise: str, harm: Callable[[Books], object]) -> None:
    """Each kind of harm to the books breaks its promise, and no other."""
    harm(books)
    assert [promise] == books.breaches()


def test_a_death_that_is_known_late(books: Books) -> None:
    """A death may take what is promised, and longer only by the troubles and alarms that fell into it."""
    coroner = Coroner(Ledger(books.url), 5.0)
    coroner.note(Executor(str(RUN), 1, 1, 0), "executor", "kill -9", 1)
    [death] = coroner.deaths
    coroner.look()
    assert death.known is None
    death.at -= 60
    assert coroner.allowance(death, []) < death.seconds
    assert coroner.allowance(death, [time.monotonic() - 50]) > death.seconds
    trouble = coroner.begin_trouble("road")
    trouble.begun -= 60
    assert coroner.allowance(death, []) < death.seconds  # the server needs no road to see a lease end
    trouble.what = "server"
    assert coroner.allowance(death, []) > death.seconds


def test_a_death_that_is_known(books: Books) -> None:
    """A death is known once the attempt's end is in the history."""
    coroner = Coroner(Ledger(books.url), 60.0)
    coroner.note(Executor(str(RUN), 1, 1, 0), "child", "kill -9", 1)
    books.execute(
        "INSERT INTO flow_run_state (flow_run_id, attempt, type, name, timestamp) "
        f"VALUES ('{RUN.hex}', 1, 'CRASHED', 'Crashed', '2026-01-01')"
    )
    coroner.look()
    assert coroner.deaths[0].seconds < coroner.allowance(coroner.deaths[0], [])


def test_alarms(tmp_path: Path) -> None:
    """Alarms are found in a server's log with their times; a log that is not there has none."""
    log = tmp_path / "server.log"
    log.write_text("12.5 ERROR ALARM: many leases end at once: 7 leases are moved on by 30 s\n13.0 WARNING no\n")
    assert [12.5] == alarms_in([log, tmp_path / "none.log"])
