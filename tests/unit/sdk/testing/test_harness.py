"""The harness for tests of flows: alone, within another, and in several processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from alisio import flow, task
from alisio.client import open_client
from alisio.client.shared import _clients
from alisio.engine.reporter import current_reporter
from alisio.settings import current_settings, set_profile_values
from alisio.testing import alisio_test_harness, flow_runs, last_flow_run
from alisio.testing.utilities import prefect_test_harness
from alisio.variables import Variable


@task
def double(n: int) -> int:
    """Work."""
    return 2 * n


@flow
def doubling(n: int) -> int:
    """Call a task."""
    return double(n)


@pytest.fixture(autouse=True)
def temporary_files(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each test look at temporary files of its own: other processes of pytest make harnesses meanwhile."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))


def left_behind() -> set[str]:
    """Give the folders of harnesses that are there."""
    return {path.name for path in Path(tempfile.gettempdir()).glob("alisio-test-*")}


def test_a_fresh_back_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each harness is empty, and nothing of it is left: no file, no setting, no client."""
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path))
    monkeypatch.setenv("ALISIO_LOGGING_LEVEL", "ERROR")
    variables, reporter, before = dict(os.environ), current_reporter(), left_behind()
    for _ in range(2):
        with alisio_test_harness() as harness:
            assert 4 == doubling(2)
            assert ["doubling"] == [run.flow_name for run in flow_runs()]
            assert "INFO" == current_settings().logging_level
            assert harness.home == current_settings().home
    assert (variables, reporter, before) == (dict(os.environ), current_reporter(), left_behind())
    assert [] == [key for key in _clients if harness.home in key]
    assert [] == list(tmp_path.iterdir())


def test_what_is_set_within_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that the block sets is gone after it, and one that it takes away is back; others are not touched."""
    monkeypatch.setenv("ALISIO_API_KEY", "before")
    monkeypatch.setenv("ALISIO__RUNTIME__FLOW_RUN__NAME", "mocked")
    monkeypatch.delenv("ALISIO_LOGGING_LEVEL", raising=False)
    with pytest.raises(ZeroDivisionError), alisio_test_harness():
        assert "ALISIO_API_KEY" not in os.environ
        assert "mocked" == os.environ["ALISIO__RUNTIME__FLOW_RUN__NAME"]
        os.environ["ALISIO_LOGGING_LEVEL"] = "DEBUG"
        raise ZeroDivisionError
    assert ("before", None) == (os.environ["ALISIO_API_KEY"], os.environ.get("ALISIO_LOGGING_LEVEL"))


def test_a_profile_that_points_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that names a server, which would not answer, does not matter within."""
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path))
    set_profile_values({"ALISIO_API_URL": "http://127.0.0.1:9/api"})
    with alisio_test_harness() as harness:
        assert 6 == doubling(3)
        assert "COMPLETED" == last_flow_run().state.type
        assert harness.client.api_url is None
    assert "http://127.0.0.1:9/api" == current_settings().api_url


def test_one_within_another() -> None:
    """The inner one is empty and hides the outer one, which goes on afterwards as it was."""
    with alisio_test_harness():
        doubling(1)
        Variable.set("where", "outer")
        with prefect_test_harness(server_startup_timeout=30):
            assert [] == flow_runs()
            assert Variable.get("where") is None
            doubling(2)
            doubling(3)
            assert 2 == len(flow_runs())
        assert 1 == len(flow_runs())
        assert "outer" == Variable.get("where")


def test_results_are_apart() -> None:
    """What is stored and cached within one is not found in the next."""

    @task(persist_result=True)
    def noisy() -> float:
        return time.perf_counter()

    @flow
    def outer() -> tuple[float, float]:
        return noisy(), noisy()

    seen = []
    for _ in range(2):
        with alisio_test_harness():
            seen.append(outer())
    assert seen[0] != seen[1]


def test_in_a_flow_of_a_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may begin while another back end is in use, and what that one had to record is recorded there."""
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path))
    doubling(5)
    with alisio_test_harness():
        doubling(6)
        assert [{"n": 6}] == [run.parameters for run in flow_runs()]
    assert [{"n": 5}] == [run.parameters for run in flow_runs()]
    with open_client() as client:
        assert 1 == client.count_flow_runs(flow_filter()).count


def flow_filter() -> object:
    """Give a filter that all runs pass."""
    from alisio.contract.runs import FlowRunFilter

    return FlowRunFilter()


def test_tables_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first one of a process a harness copies its database, which takes a hundredth of the time."""
    with alisio_test_harness():
        pass
    monkeypatch.setattr("alisio_server.embedded.upgrade_database", lambda *_: pytest.fail("it makes tables anew"))
    with alisio_test_harness():
        doubling(2)
        assert 1 == len(flow_runs())


def test_parallel_processes(tmp_path: Path) -> None:
    """Tests of several processes at once each have a back end of their own: pytest-xdist, with the fixtures."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["alisio.testing.fixtures"]\n')
    (tmp_path / "test_many.py").write_text(
        textwrap.dedent(
            """
            import pytest
            from alisio import flow
            from alisio.testing import assert_completed, flow_runs, last_flow_run

            @flow
            def one(n):
                return n

            @pytest.mark.parametrize("n", range(8))
            def test_it(alisio_harness, n):
                assert n == one(n)
                assert [{"n": n}] == [run.parameters for run in flow_runs()]
                assert_completed(last_flow_run("one"))

            def test_shared(alisio_session_harness):
                assert 3 == one(3)
            """
        )
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=110
    )
    assert "9 passed" in done.stdout, done.stdout + done.stderr
    assert [] == [path.name for path in tmp_path.iterdir() if path.name.startswith("alisio-test-")]
