"""The embedded backend, reached through the same client: the database of the settings, in this process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from alisio.client import Client, open_client
from alisio.contract.ids import new_id
from alisio.contract.runs import FlowRunFilter
from alisio.contract.work_pools import WorkPoolCreate, WorkPoolPatch
from alisio.exceptions import ApiUnreachableError, ConflictError, InvalidInputError, NotFoundError
from alisio.settings import Settings, current_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a home where nothing is yet."""
    return current_settings({"ALISIO_HOME": str(tmp_path / "home")})


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """A client of that home; no server runs."""
    with open_client(settings) as client:
        yield client


def script_report(sequence: int = 1) -> dict[str, object]:
    """The first report of a flow that is run by hand."""
    now = datetime.now(UTC).isoformat()
    return {
        "attempt": 1,
        "sequence": sequence,
        "origin": "script",
        "facts": {"flow_name": "by-hand", "name": "first"},
        "states": [{"type": "RUNNING", "name": "Running", "timestamp": now}],
    }


def test_it_has_no_address(client: Client) -> None:
    """Where there is no server there is no address."""
    assert client.api_url is None


def test_the_api_is_the_same(client: Client) -> None:
    """What is created can be listed, read by a name with spaces, changed and deleted."""
    client.create_work_pool(WorkPoolCreate(name="my pool"))

    assert ["my pool"] == [pool.name for pool in client.list_work_pools().items]
    assert 3 == client.change_work_pool("my pool", WorkPoolPatch(concurrency_limit=3)).concurrency_limit
    assert client.change_work_pool("my pool", WorkPoolPatch(concurrency_limit=None)).concurrency_limit is None
    client.delete_work_pool("my pool")
    with pytest.raises(NotFoundError):
        client.read_work_pool("my pool")


def test_its_refusals_are_the_same(client: Client) -> None:
    """What exists already is a conflict, as it would be over HTTP."""
    client.create_work_pool(WorkPoolCreate(name="local"))

    with pytest.raises(ConflictError) as caught:
        client.create_work_pool(WorkPoolCreate(name="local"))

    assert 409 == caught.value.status


def test_bundles_are_kept(client: Client) -> None:
    """What was sent can be fetched again."""
    sha256 = client.upload_bundle(b"an archive").sha256

    assert b"an archive" == client.download_bundle(sha256)


def test_a_report_makes_the_run_of_a_script(client: Client) -> None:
    """A flow that is run by hand is known from its first report on."""
    run_id = new_id()

    answer = client.send_report(run_id, script_report())

    assert "RUNNING" == answer.state.type
    assert "by-hand" == client.read_flow_run(run_id).flow_name
    assert 1 == client.count_flow_runs(FlowRunFilter(flow_names=["by-hand"])).count


def test_a_report_that_cannot_be_read_is_refused(client: Client) -> None:
    """The field at fault is named, as it would be over HTTP."""
    with pytest.raises(InvalidInputError) as caught:
        client.send_report(new_id(), script_report() | {"attempt": 0})

    assert "attempt" == caught.value.field


def test_a_report_out_of_order_is_refused(client: Client) -> None:
    """The server's own error comes through with its code."""
    run_id = new_id()
    client.send_report(run_id, script_report())

    with pytest.raises(ConflictError) as caught:
        client.send_report(run_id, script_report(sequence=5))

    assert "report_out_of_order" == caught.value.code


def test_reports_need_no_routes(tmp_path: Path) -> None:
    """A script's report imports neither the routes nor an HTTP library."""
    script = (
        "import sys\n"
        "from alisio.client import open_client\n"
        "from alisio.contract.ids import new_id\n"
        f"with open_client() as client:\n    client.send_report(new_id(), {script_report()!r})\n"
        "heavy = {'aws_lambda_powertools', 'httpx', 'uvicorn', 'typer', 'rich'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path), "ALISIO_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )

    assert (0, "") == (done.returncode, done.stderr)


def test_the_work_goes_on_after_a_restart(settings: Settings) -> None:
    """What one process stored another one finds."""
    with open_client(settings) as first:
        first.create_work_pool(WorkPoolCreate(name="kept"))

    with open_client(settings) as second:
        assert "kept" == second.read_work_pool("kept").name


def test_what_is_not_there_is_not_found(client: Client) -> None:
    """A run that nobody knows has its own error."""
    with pytest.raises(NotFoundError) as caught:
        client.read_flow_run(uuid4())

    assert "flow_run_not_found" == caught.value.code


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////proc/none.db", "cannot use the database sqlite:////proc/none.db: unable to open"),
        ("sqlite:////dev/null/none.db", "cannot use /dev/null: "),
    ],
)
def test_a_database_that_cannot_be_used_is_told(tmp_path: Path, url: str, said: str) -> None:
    """One line names the database, the reason, and what to check."""
    settings = current_settings({"ALISIO_HOME": str(tmp_path), "ALISIO_API_DATABASE_CONNECTION_URL": url})

    with pytest.raises(ApiUnreachableError, match=said) as caught:
        open_client(settings)

    assert "; check ALISIO_" in str(caught.value)
    assert "\n" not in str(caught.value)
