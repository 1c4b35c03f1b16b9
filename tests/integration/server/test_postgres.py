"""What holds where several processes share a PostgreSQL, and what of it SQLite is spared."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import psycopg2
import pytest
from sqlalchemy.exc import OperationalError

from alisio.contract.base import utc_now
from alisio_server.embedded import serve
from alisio_server.errors import InvalidInputError
from alisio_server.settings import ServerSettings
from tests.integration.server.conftest import WORKERS, Server, end, start
from tests.integration.server.test_many_clients import sequence_of, wait_for_wake_up
from tests.postgres import Postgres
from tests.waiting import wait_until


@contextmanager
def serving(home: Path, url: str, workers: int = 1) -> Iterator[Server]:
    """Run a server while the block lasts."""
    home.mkdir(exist_ok=True)
    server = start(home, url, workers)
    try:
        yield server
    finally:
        end(server)


@pytest.fixture
def mortal() -> Iterator[Postgres]:
    """A PostgreSQL that the test may kill."""
    postgres = Postgres()
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.close()


def workers_of(server: Server) -> set[int]:
    """List a server's worker processes."""
    return {process.pid for process in psutil.Process(server.process.pid).children()}


def connections_of(server: Server) -> int:
    """Count the connections of clients to a server of one process."""
    port = httpx.URL(server.url).port
    connections = psutil.Process(server.process.pid).net_connections("tcp")
    return sum(found.status == psutil.CONN_ESTABLISHED and found.laddr.port == port for found in connections)


def create_run(server: Server, deployment_id: str, **wanted: str) -> int:
    """Ask for a run over a connection of its own; returns the status."""
    return httpx.post(f"{server.url}/deployments/{deployment_id}/runs", json=wanted, timeout=60).status_code


def test_a_killed_database_is_found_again(mortal: Postgres, tmp_path: Path) -> None:
    """While PostgreSQL is away requests get 503; once it is back each process serves them, without a restart."""
    with serving(tmp_path, mortal.create_database(), WORKERS) as server:
        deployment_id, workers = server.create_deployment(), workers_of(server)
        mortal.kill()
        away = {create_run(server, deployment_id) for _ in range(6)}
        mortal.start()
        back = {create_run(server, deployment_id) for _ in range(6)}

        assert ({503}, {201}) == (away, back)
        assert workers == workers_of(server)


def test_rings_are_heard_again_after_the_database_was_killed(mortal: Postgres, tmp_path: Path) -> None:
    """An agent that waited meanwhile is told to look, and after that it hears the rings as they come."""
    with serving(tmp_path, mortal.create_database()) as server, ThreadPoolExecutor(1) as thread:
        deployment_id, after = server.create_deployment(), sequence_of(server)
        before = connections_of(server)
        waiting = thread.submit(wait_for_wake_up, server, after=after, timeout_seconds=60)
        wait_until(lambda: connections_of(server) > before, what="the long poll to be connected")
        # They are asked after the long poll's own question, so that one waits when these are answered.
        assert {200} == {server.ask("GET", "/health").status_code for _ in range(20)}
        mortal.kill()
        mortal.start()
        told = waiting.result()
        waiting = thread.submit(wait_for_wake_up, server, after=told["sequence"])
        assert 201 == create_run(server, deployment_id)

        assert (True, True) == (told["rang"], waiting.result()["rang"])


def test_servers_of_several_machines_hear_each_other(postgres: Postgres, tmp_path: Path) -> None:
    """A run that is created at one server rings at the other, at once or when it is due; either may be killed then."""
    with (
        postgres.database() as url,
        serving(tmp_path / "one", url) as one,
        serving(tmp_path / "two", url) as two,
        ThreadPoolExecutor(1) as thread,
    ):
        deployment_id, after = one.create_deployment(), sequence_of(two)
        waiting = thread.submit(wait_for_wake_up, two, after=after)
        create_run(one, deployment_id)
        at_once = waiting.result()
        due = utc_now() + timedelta(seconds=1)
        create_run(one, deployment_id, due=due.isoformat())
        one.process.kill()
        later = wait_for_wake_up(two, after=at_once["sequence"])
        while later["rang"] and utc_now() < due:  # the first run's may have been rung for twice
            later = wait_for_wake_up(two, after=later["sequence"])

    assert (True, True) == (at_once["rang"], later["rang"])


def test_a_stopped_process_does_not_hold_the_others_up(postgres: Postgres, tmp_path: Path) -> None:
    """A worker that is stopped leaves the others to tick and to serve."""
    with postgres.database() as url, serving(tmp_path, url, WORKERS) as server:
        deployment_id = server.create_deployment()
        victim = psutil.Process(min(workers_of(server)))
        victim.suspend()
        try:
            ticked = postgres.execute("SELECT last_tick FROM clockwork", url.rpartition("/")[2])
            wait_until(
                lambda: postgres.execute("SELECT last_tick FROM clockwork", url.rpartition("/")[2]) != ticked,
                40,
                "a tick of another process",
            )
        finally:
            victim.resume()

        assert 201 == create_run(server, deployment_id)


def test_a_worker_that_dies_is_replaced(postgres: Postgres, tmp_path: Path) -> None:
    """Another worker takes the place of a killed one, and the address is served all the while by the others."""
    with postgres.database() as url, serving(tmp_path, url, WORKERS) as server:
        deployment_id, before = server.create_deployment(), workers_of(server)
        victim = min(before)
        psutil.Process(victim).kill()
        wait_until(lambda: victim not in workers_of(server) and len(workers_of(server)) == WORKERS, what="a new worker")

        assert {201} == {create_run(server, deployment_id) for _ in range(12)}
        assert before - {victim} < workers_of(server)
        assert (0, "ended") == server.stop()
        assert f"worker {victim} was ended by SIGKILL" in (tmp_path / "stderr.txt").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent(postgres: Postgres, tmp_path: Path, number: signal.Signals) -> None:
    """However the parent ends, no worker stays behind on its port."""
    with postgres.database() as url, serving(tmp_path, url, WORKERS) as server:
        workers = [psutil.Process(pid) for pid in workers_of(server)]
        server.stop(number)
        _, alive = psutil.wait_procs(workers, timeout=60)

    assert [] == alive


def test_a_deadlock_is_tried_again(postgres: Postgres, tmp_path: Path) -> None:
    """A request whose transaction PostgreSQL gives up for another one's sake succeeds all the same."""
    with (
        postgres.database() as url,
        serving(tmp_path, url) as server,
        closing(psycopg2.connect(url)) as connection,
        connection.cursor() as cursor,
        ThreadPoolExecutor(1) as thread,
    ):
        server.create_deployment()
        # The request locks the pool, then the deployment; this transaction the other way round. It is the request
        # that notices, since this one would look for a deadlock only after a minute.
        cursor.execute("SET deadlock_timeout = '60s'")
        cursor.execute("SELECT 1 FROM deployment FOR UPDATE")
        asked = thread.submit(server.ask, "DELETE", "/work-pools/pool")
        wait_until(lambda: postgres.execute("SELECT 1 FROM pg_locks WHERE NOT granted"), what="the request to wait")
        cursor.execute("SELECT 1 FROM work_pool FOR UPDATE")
        connection.commit()

        assert asked.result().status_code == 204


def test_a_database_that_is_away_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that finds no PostgreSQL when it starts fails with that, and logs nothing beside it."""
    with pytest.raises(OperationalError, match="Connection refused"):
        serve(ServerSettings("postgresql://alisio:secret@127.0.0.1:9/alisio", tmp_path, port=0))

    assert [] == caplog.messages


def test_several_workers_need_postgresql(tmp_path: Path) -> None:
    """More than one worker on SQLite is refused with the reason, before anything is made."""
    with pytest.raises(InvalidInputError, match="one process serves an SQLite database") as caught:
        serve(ServerSettings(f"sqlite:///{tmp_path}/alisio.db", tmp_path, workers=2))

    assert ("workers_need_postgresql", []) == (caught.value.code, list(tmp_path.iterdir()))


def test_a_restart_does_not_delay_a_start(server: Server) -> None:
    """A server that comes in place of a killed one rings when a run falls due, and not when the outbox says so again.

    That would be a minute later; a long poll waits for 40 seconds here. It is the first run that counts of those that
    are not due yet when the server is there: on a busy machine that takes a while.
    """
    deployment_id = server.create_deployment()
    times = [utc_now() + timedelta(seconds=seconds) for seconds in (10, 30, 50)]
    for due in times:
        create_run(server, deployment_id, due=due.isoformat())
    server.process.kill()
    server.process.wait()
    with serving(server.home, server.database_url) as next_one:
        after = sequence_of(next_one)
        due = next(due for due in times if due > utc_now())
        heard = wait_for_wake_up(next_one, after=after, timeout_seconds=40)
        while heard["rang"] and utc_now() < due:  # an earlier one that was rung for again
            heard = wait_for_wake_up(next_one, after=heard["sequence"], timeout_seconds=40)

    assert heard["rang"]
