"""The child of a supervisor: runs one attempt of a claimed flow run, and tells of it over a pipe.

The engine in it never talks to the server. What the supervisor reads on the report pipe is one JSON object a line, with
any of the keys `facts`, `hooks`, `ending`, `states`, `subflows`, `task_runs`, `artifacts`, `events`, `logs`,
`dropped_logs`. On the control pipe it is told of a cancellation, or of the host's end; the end of that pipe means that
the supervisor is gone, and then the child goes too.

Where there is no fork server, `python -m alisio.engine.supervised` runs this with the job as JSON on stdin and the
two pipes' descriptors in `ALISIO_REPORT_FD` and `ALISIO_CONTROL_FD`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from alisio.context import current_flow_run
from alisio.contract.states import DEFAULT_NAMES, StateType
from alisio.engine import either
from alisio.engine.drivers import drive, drive_async, run_coroutine
from alisio.engine.entrypoints import load_flow
from alisio.engine.flow_rules import flow_steps, new_flow_run
from alisio.engine.history import StateEntry
from alisio.engine.hooks import at_end, hooks_for
from alisio.engine.jsonable import clean_text
from alisio.engine.limited_tags import LimitedTags
from alisio.engine.parameters import validated
from alisio.engine.pipes import Control, ReportPipe
from alisio.engine.reporter import EXIT_SECONDS, current_reporter
from alisio.engine.rules import describe
from alisio.engine.runs import FlowRun
from alisio.exceptions import EntrypointError, ParameterError, TerminationSignal
from alisio.logging import RunLogger, set_up
from alisio.states import Cancelled, Crashed, State

HOOKS_FOR = "hooks_for"
"""The key of a job whose process has ended already: the state for which the flow's hooks are still to be called."""


def main(job: Mapping[str, Any], report_fd: int, control_fd: int) -> int:
    """Run the flow of a job once. The working folder is the project's.

    Args:
        job: A `Job` of the contract as JSON data.
        report_fd: Where to write news.
        control_fd: Where the supervisor's words come from.

    Returns:
        The exit code: 0, as the run's end is told, whatever it is.
    """
    pipe, control = ReportPipe(report_fd), Control(control_fd)
    _prepare_process()
    control.start()
    left_behind = False
    try:
        run = _load(job, pipe)
        _tell_hooks(run, pipe)
    except (EntrypointError, ParameterError) as error:
        _tell_end(pipe, StateType.FAILED, str(error), error.__cause__)
    except TerminationSignal as error:
        type_ = StateType.CANCELLED if control.cancel_requested else StateType.CRASHED
        _tell_end(pipe, type_, f"{error} while its code was loaded")
    else:
        control.watch(run)
        pipe.start()
        _call_hooks(run, job[HOOKS_FOR]) if HOOKS_FOR in job else _run(run)
        left_behind = run.left_behind
    control.stop()
    pipe.flush()
    current_reporter().flush(EXIT_SECONDS)
    if left_behind:
        # Threads of tasks that nobody waits for any more would hold up an ordinary exit.
        _exit_now()
    return 0


def _prepare_process() -> None:
    here = str(Path.cwd())
    if sys.path[:1] != [here]:
        sys.path.insert(0, here)
    set_up(console=False)


def _load(job: Mapping[str, Any], pipe: ReportPipe) -> FlowRun:
    flow = load_flow(job["entrypoint"], Path.cwd())
    parameters = dict(flow.bind((), dict(job["parameters"])).arguments)
    run = new_flow_run(flow, parameters, pipe.outbox, supervised=True)
    run.id = UUID(job["flow_run_id"])
    run.name = job["flow_run_name"]
    run.run_count = job["attempt"] - 1
    run.scheduled_start_time = datetime.fromisoformat(job["scheduled_start_time"])
    run.tags = sorted({*run.tags, *job["tags"]})
    run.job = job
    pipe.outbox.limited_tags = LimitedTags(job.get("limited_tags", ()), inf)
    pipe.outbox.open(run, facts=HOOKS_FOR not in job)
    return run


def _tell_hooks(run: FlowRun, pipe: ReportPipe) -> None:
    """Tell the supervisor for which ends that this process cannot see the flow has hooks."""
    states = {"CRASHED": Crashed(), "CANCELLED": Cancelled()}
    wanted = [type_ for type_, state in states.items() if run.definition.hooks and hooks_for(run, state)]
    if wanted:
        pipe.write({"hooks": wanted})


def _call_hooks(run: FlowRun, record: Mapping[str, Any]) -> None:
    """Call the hooks of a run whose own process is gone, for the state that it has ended in."""
    flow = run.definition
    state: State[Any] = State(StateType(record["type"]), record["name"], record["message"])
    with suppress(ParameterError):  # the hooks are shown what was given
        run.parameters = flow.with_defaults(validated(flow, run.parameters))
    current_flow_run.set(run)
    calls = at_end(run, state)
    try:
        run_coroutine(either.awaited(calls)) if flow.is_async else either.run(calls)
    except BaseException as error:
        RunLogger(run).failure(logging.ERROR, f"its hooks were interrupted: {describe(error)}", error)


def _run(run: FlowRun) -> None:
    steps = flow_steps(run)
    try:
        if run.definition.is_async:
            run_coroutine(drive_async(steps))
        else:
            drive(steps)
    except BaseException:
        # It is recorded as what it is: a cancellation, a system exit, ... The process ends in order.
        return


def _tell_end(pipe: ReportPipe, type_: StateType, message: str, cause: BaseException | None = None) -> None:
    """Tell how a run ended that has not begun: there is no run yet whose outbox could."""
    state = StateEntry(type_, DEFAULT_NAMES[type_], clean_text(message), time.time()).to_record()
    text = message if cause is None else f"{message}\n{''.join(traceback.format_exception(cause)).rstrip()}"
    log = {
        "timestamp": state["timestamp"],
        "level": 40,
        "logger": "alisio.flow_runs",
        "message": clean_text(text, 100_000),
    }
    pipe.write({"states": [state], "logs": [log]})


def _exit_now() -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _main_of_process() -> None:
    job = json.load(sys.stdin)
    with open(os.devnull) as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    sys.exit(main(job, int(os.environ["ALISIO_REPORT_FD"]), int(os.environ["ALISIO_CONTROL_FD"])))


if __name__ == "__main__":
    _main_of_process()
