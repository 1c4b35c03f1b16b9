"""The outbox: what is merged, what is dropped, and how it is cut into reports."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from alisio.contract.reports import GZIPPED_JSON
from alisio_agent.supervisor import reports
from alisio_agent.supervisor.records import state
from alisio_agent.supervisor.reports import MAX_BYTES, MAX_ROWS, Outbox, compress, render
from alisio_agent.supervisor.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A spool."""
    return Spool(tmp_path / "spool")


@pytest.fixture
def outbox(spool: Spool) -> Outbox:
    """An outbox."""
    return Outbox(spool)


def drain(outbox: Outbox, max_rows: int = MAX_ROWS) -> list[dict[str, Any]]:
    """Take all that is in an outbox, as reports."""
    taken = []
    while outbox.has_news:
        rows, dropped = outbox.take(max_rows, MAX_BYTES)
        taken.append(json.loads(render(rows, 1, len(taken) + 1, dropped)))
    return taken


def log(message: str, level: int = 20) -> dict[str, Any]:
    """Make a log line."""
    return {"level": level, "logger": "x", "message": message, "timestamp": "2025-01-01T00:00:00Z"}


def messages(taken: list[dict[str, Any]]) -> list[str]:
    """The messages of all log lines."""
    return [line["message"] for report in taken for line in report.get("logs", ())]


@pytest.mark.parametrize("kind", ["artifacts", "events"])
def test_what_runs_show_is_merged_and_never_dropped(outbox: Outbox, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Of one id the latest is told, before the final state; when there is no room log lines go, and not these."""
    monkeypatch.setattr(reports, "SPOOL_BYTES", 0)
    outbox.add_frame({kind: [{"id": "a", "v": 1}, {"id": "b"}], "logs": [log("gone")]})
    outbox.add_frame({kind: [{"id": "a", "v": 2}]})
    outbox.close(state("COMPLETED"))

    taken = drain(outbox, max_rows=1)

    assert [{"id": "a", "v": 2}, {"id": "b"}] == [row for report in taken for row in report.get(kind, ())]
    assert ["COMPLETED"] == [each["type"] for each in taken[-1]["states"]]
    assert ([], 1) == (messages(taken), sum(report.get("dropped_logs", 0) for report in taken))


def test_merges(outbox: Outbox) -> None:
    """Later news of a task run replace the earlier, facts are laid over each other, the end waits."""
    outbox.add_frame({"facts": {"name": "a", "retries": 1}, "task_runs": [{"id": "t", "v": 1}, {"id": "u"}]})
    outbox.add_frame({"facts": {"name": "b"}, "task_runs": [{"id": "t", "v": 2}]})
    outbox.add_state(state("COMPLETED"))
    (report,) = drain(outbox)
    assert {"name": "b", "retries": 1} == report["facts"]
    assert [{"id": "t", "v": 2}, {"id": "u"}] == report["task_runs"]
    assert "states" not in report


def test_end_is_last(outbox: Outbox) -> None:
    """The final state is in the last report, and nothing is taken in after it."""
    outbox.add_frame({"logs": [log(str(number)) for number in range(2_500)]})
    outbox.close(state("FAILED"))
    outbox.add_frame({"logs": [log("too late")]})
    taken = drain(outbox)
    assert [1_000, 1_000, 500] == [len(report["logs"]) for report in taken]
    assert ["FAILED"] == [record["type"] for report in taken for record in report.get("states", ())]
    assert "FAILED" == taken[-1]["states"][0]["type"]


def test_size_limit(outbox: Outbox) -> None:
    """A report stays below 4 MB however large its rows are."""
    outbox.add_frame({"logs": [log("x" * 90_000) for _ in range(100)]})
    sizes = []
    while outbox.has_news:
        rows, dropped = outbox.take(MAX_ROWS, MAX_BYTES)
        sizes.append(len(render(rows, 1, 1, dropped)))
    assert max(sizes) <= 4_000_000
    assert len(sizes) <= 6


def test_spooled(outbox: Outbox, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit in memory comes back from disk, in order, and leaves no file."""
    monkeypatch.setattr(reports, "MEMORY_BYTES", 10_000)
    outbox = Outbox(spool)
    for number in range(500):
        outbox.add_frame({"logs": [log(f"{number}\r\t\u2028")]})
    assert len(spool) > 5
    assert [f"{number}\r\t\u2028" for number in range(500)] == messages(drain(outbox))
    assert 0 == spool.size
    spool.remove()


def test_full_spool(outbox: Outbox, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debug lines go first, then all lines, and are counted; states and task runs stay."""
    outbox.add_frame({"logs": [log("kept", 10)]})
    spool.size = reports.DEBUG_SPOOL_BYTES
    outbox.add_frame({"logs": [log("gone", 10), log("kept too")]})
    spool.size = reports.SPOOL_BYTES
    outbox.add_frame({"logs": [log("gone as well")], "task_runs": [{"id": "t"}]})
    (report,) = drain(outbox)
    assert ["kept", "kept too"] == messages([report])
    assert [{"id": "t"}] == report["task_runs"]
    assert 2 == report["dropped_logs"]


def test_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the spool cannot be written, log lines go and are counted, and what must not be lost stays in order."""
    monkeypatch.setattr(reports, "MEMORY_BYTES", 10_000)
    (tmp_path / "spool").write_text("a file where the folder should be")
    outbox = Outbox(Spool(tmp_path / "spool"))
    for number in range(100):
        outbox.add_frame({"logs": [log("x" * 100)], "task_runs": [{"id": str(number)}]})
    taken = drain(outbox)
    ids = [row["id"] for report in taken for row in report.get("task_runs", ())]
    assert [str(number) for number in range(100)] == ids
    assert 100 == len(messages(taken)) + sum(report.get("dropped_logs", 0) for report in taken)


def test_put_back(outbox: Outbox) -> None:
    """Rows that are given back come first when rows are taken again, and so does the count."""
    outbox.add_frame({"logs": [log(str(number)) for number in range(10)], "dropped_logs": 3})
    rows, dropped = outbox.take(4, MAX_BYTES)
    outbox.put_back(rows, dropped)
    taken = drain(outbox, 3)
    assert [str(number) for number in range(10)] == messages(taken)
    assert 3 == taken[0]["dropped_logs"]


def test_odd_text(outbox: Outbox) -> None:
    """Half a surrogate pair does not break a report."""
    outbox.add_frame({"logs": [log("a\ud800b")]})
    assert ["a?b"] == messages(drain(outbox))


def test_compress() -> None:
    """Small bodies go as they are; larger ones are gzipped."""
    assert (b"{}", {"Content-Type": "application/json"}) == compress(b"{}")
    body, headers = compress(b"x" * 5_000)
    assert {"Content-Type": GZIPPED_JSON} == headers
    assert len(body) < 100


def test_gzip_limit(outbox: Outbox) -> None:
    """Rows that do not compress go in more reports, each within 1 MB gzipped."""
    from alisio_agent.supervisor.api import Api
    from alisio_agent.supervisor.reporter import Reporter
    from alisio_agent.supervisor.timing import Timing

    class Sink(Api):
        def post(self, path: str, body: bytes, headers: dict[str, str]) -> None:
            sizes.append(len(body))

    sizes: list[int] = []
    noise = random.Random(1)
    outbox.add_frame({"logs": [log(noise.randbytes(45_000).hex()) for _ in range(40)]})
    Reporter(Sink("http://127.0.0.1:1/api", None, 1, lambda: None), outbox, "run", 1, Timing()).send(0.0)
    assert 200_000 < sizes[0] <= 1_000_000
