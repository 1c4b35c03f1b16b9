"""Hooks of a flow whose process is gone: a fresh child loads the flow, and calls nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alisio_agent.supervisor.records import Record
from alisio_agent.supervisor.reports import Outbox

HOOKS_FOR = "hooks_for"
"""The key under which the child is told for which state it calls hooks."""


def hooks_job(job: dict[str, Any], outbox: Outbox, folder: Path, last: Record) -> dict[str, Any] | None:
    """Make the job of a child that calls the hooks for the state in which a run has ended.

    Args:
        job: The run's.
        outbox: What the run's own process has told.
        folder: The run's own folder, where its code lies.
        last: The state.

    Returns:
        The job; None where the flow has no such hooks, or has seen its end, and so called them itself.
    """
    if outbox.told is not None or last["type"] not in outbox.hooks:
        return None
    code: dict[str, Any] = {} if job.get("bundle") is None else {"bundle": None, "path": str(folder / "code")}
    return {**job, **code, HOOKS_FOR: last, "flow_run_name": outbox.run_name or job["flow_run_name"]}
