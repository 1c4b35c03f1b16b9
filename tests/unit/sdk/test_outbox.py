"""The outbox: gathering, order and limits."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from alisio import flow, task
from alisio.contract.reports import MAX_REPORT_ROWS, Report
from alisio.contract.states import StateType
from alisio.engine import outbox as outboxes
from alisio.engine.flow_rules import new_flow_run
from alisio.engine.outbox import LogEntry, Outbox
from alisio.engine.runs import FlowRun, TaskRun


@flow(version="1")
def some_flow() -> None:
    """Stand for any flow."""


@task
def some_task() -> None:
    """Stand for any task."""


def _opened(wakes: list[int] | None = None) -> tuple[Outbox, FlowRun]:
    calls = wakes if wakes is not None else []
    outbox = Outbox(lambda: calls.append(1))
    run = new_flow_run(some_flow, {}, outbox)
    outbox.open(run)
    return outbox, run


def _task_run(run: FlowRun) -> TaskRun:
    return TaskRun(some_task, flow_run=run, tags=[], log_prints=False, args=(), kwargs={}, parameters={})


def _log(run: FlowRun, message: str, level: int = logging.INFO) -> LogEntry:
    return LogEntry(1.0, level, "test", message, run)


def _frames(outbox: Outbox) -> list[dict[str, Any]]:
    frames = []
    while (frame := outbox.take()) is not None:
        frames.append(frame)
        Report.model_validate({"attempt": 1, "sequence": len(frames), "origin": "script", **frame})
        assert len(json.dumps(frame).encode()) < 1_000_000
        assert MAX_REPORT_ROWS >= sum(len(frame.get(key, ())) for key in ("subflows", "task_runs", "logs"))
    return frames


def test_news_of_a_task_run_are_one() -> None:
    """However often a task run changes, it is told once a frame, with its whole history; one wake-up does."""
    calls: list[int] = []
    outbox, run = _opened(calls)
    task_run = _task_run(run)
    for type_ in (StateType.PENDING, StateType.RUNNING, StateType.COMPLETED):
        task_run.note(type_)

    (frame,) = _frames(outbox)

    assert [1] == calls
    (news,) = frame["task_runs"]
    assert ["PENDING", "RUNNING", "COMPLETED"] == [state["type"] for state in news["states"]]
    assert outbox.take() is None
    assert not outbox.has_news


def test_the_end_comes_last() -> None:
    """The final state is told when there is nothing left before it, however many frames that takes."""
    outbox, run = _opened()
    run.note(StateType.RUNNING)
    for number in range(2_500):
        _task_run(run).note(StateType.COMPLETED)
        outbox.put_log(_log(run, f"line {number}"))
    run.note(StateType.COMPLETED)

    frames = _frames(outbox)

    assert len(frames) >= 5
    assert [["RUNNING"], *([] for _ in frames[2:]), ["COMPLETED"]] == [
        [state["type"] for state in frame.get("states", ())] for frame in frames
    ]
    assert "facts" in frames[0]
    assert 2_500 == sum(len(frame.get("logs", ())) for frame in frames)


def test_the_end_wakes_who_waits_with_what_came_before_it() -> None:
    """The news that were told of are not taken yet, as reports keep a distance: the end is told of all the same."""
    calls: list[int] = []
    _outbox, run = _opened(calls)
    run.note(StateType.RUNNING)
    told = len(calls)

    run.note(StateType.COMPLETED)

    assert told + 1 == len(calls)


def test_subflows_come_before_what_is_theirs() -> None:
    """A subflow is told before, or with, its task runs."""
    outbox, run = _opened()
    for _ in range(1_500):
        subflow = FlowRun(some_flow, parent=run, outbox=outbox, tags=[], log_prints=False)
        subflow.note(StateType.RUNNING)
        _task_run(subflow).note(StateType.RUNNING)

    known: set[str] = set()
    for frame in _frames(outbox):
        known |= {news["id"] for news in frame.get("subflows", ())}
        assert {news["flow_run_id"] for news in frame.get("task_runs", ())} <= known


@pytest.mark.parametrize("character", ["x", "\n", "é", "\N{GRINNING FACE}"])
def test_large_lines(character: str) -> None:
    """Frames keep the limit of bytes, whatever the text is made of."""
    outbox, run = _opened()
    for _ in range(30):
        outbox.put_log(_log(run, character * 200_000))

    assert 30 == sum(len(frame.get("logs", ())) for frame in _frames_unescaped(outbox))


def _frames_unescaped(outbox: Outbox) -> list[dict[str, Any]]:
    frames = []
    while (frame := outbox.take()) is not None:
        frames.append(frame)
        assert len(json.dumps(frame, ensure_ascii=False).encode()) < 1_000_000
    return frames


def test_debug_lines_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody takes them, debug lines beyond the limit are dropped and counted; others are kept."""
    monkeypatch.setattr(outboxes, "MAX_WAITING_LOGS", 3)
    outbox, run = _opened()
    for number in range(5):
        outbox.put_log(_log(run, f"debug {number}", logging.DEBUG))
    outbox.put_log(_log(run, "info"))

    (frame,) = _frames(outbox)

    assert ["debug 0", "debug 1", "debug 2", "info"] == [line["message"] for line in frame["logs"]]
    assert 2 == frame["dropped_logs"]


def test_log_lines_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number of bytes lines of every level are let go and counted, until there is room again."""
    monkeypatch.setattr(outboxes, "MAX_WAITING_LOG_BYTES", 10_000)
    outbox, run = _opened()
    for number in range(5):
        outbox.put_log(_log(run, f"{number}" * 5_000, logging.ERROR))

    (frame,) = _frames(outbox)
    outbox.put_log(_log(run, "there is room again"))
    (later,) = _frames(outbox)

    assert ["0", "1"] == [line["message"][0] for line in frame["logs"]]
    assert 3 == frame["dropped_logs"]
    assert ["there is room again"] == [line["message"] for line in later["logs"]]


def test_long_history() -> None:
    """Of a very long history the first and the latest states are told."""
    outbox, run = _opened()
    task_run = _task_run(run)
    for number in range(1_500):
        task_run.note(StateType.RUNNING, "Retrying", str(number))

    (frame,) = _frames(outbox)

    states = frame["task_runs"][0]["states"]
    assert (1_000, "0", "1499") == (len(states), states[0]["message"], states[-1]["message"])


def test_nothing_after_the_end() -> None:
    """What still runs after its end was recorded changes nothing any more."""
    _, run = _opened()
    task_run = _task_run(run)
    task_run.note(StateType.CANCELLED)
    task_run.note(StateType.COMPLETED)
    assert ["CANCELLED"] == [entry.type for entry in task_run.history]


def test_supervised_root() -> None:
    """The root of a supervised run tells its end, not that it runs; its facts say only what the code knows."""
    outbox = Outbox(lambda: None)
    run = new_flow_run(some_flow, {}, outbox, supervised=True)
    outbox.open(run)
    run.note(StateType.RUNNING)
    run.note(StateType.COMPLETED)

    (frame,) = _frames(outbox)

    assert ["COMPLETED"] == [state["type"] for state in frame["states"]]
    assert {"flow_version": "1", "retries": 0, "retry_delays": []} == frame["facts"]


def test_rows_are_told_once_by_their_id_and_before_the_end() -> None:
    """A row of the same id replaces one that still waits; all come within frames of the size of a report."""
    outbox, run = _opened()
    event = {"event": "x", "occurred": "2026-05-04T12:00:00Z", "resource": {"alisio.resource.id": "x"}}
    ids = [f"00000000-0000-7000-8000-{number:012}" for number in range(10)]
    for number in range(20):
        row = {"id": ids[number % 10], "type": "markdown", "data": "ñ" * 150_000 + str(number)}
        outbox.put_row("artifacts", {**row, "created": "2026-05-04T12:00:00Z"})
        outbox.put_row("events", {**event, "id": ids[number % 10], "payload": {"number": number}})
    run.note(StateType.COMPLETED)
    assert outbox.has_news

    frames = _frames(outbox)

    rows = [row for frame in frames for row in frame.get("artifacts", ())]
    assert [f"{number}" for number in range(10, 20)] == [row["data"][150_000:] for row in rows]
    told = [row["payload"]["number"] for frame in frames for row in frame.get("events", ())]
    assert list(range(10, 20)) == told
    assert [False] * (len(frames) - 1) + [True] == ["states" in frame for frame in frames]
    assert not outbox.has_news
