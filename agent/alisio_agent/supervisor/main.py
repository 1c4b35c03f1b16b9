"""Executing a job: one attempt, and those that the API asks for after it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from alisio_agent.supervisor.api import Api
from alisio_agent.supervisor.attempt import Attempt, Context
from alisio_agent.supervisor.child import open_text
from alisio_agent.supervisor.loop import Loop
from alisio_agent.supervisor.outcomes import Outcome
from alisio_agent.supervisor.places import LOG_FILE
from alisio_agent.supervisor.timing import Timing


def supervise(job: dict[str, Any], *, warm: bool, timing: Timing | None = None) -> Outcome:
    """Execute a job to its end. The process is the supervisor's alone from here on.

    Args:
        job: The job as JSON has it, with `api_url`, `api_key`, `home` and `agent_name`;
            `job_variables.grace_seconds` is what a cancelled flow gets to end, and `child_module` the module whose
            `main` runs it.
        warm: Whether the engine is imported in this process, so that a child can call it.
        timing: How long to wait for what.

    Returns:
        How the last attempt ended.
    """
    chosen = timing or Timing()
    grace = job.get("job_variables", {}).get("grace_seconds")
    if isinstance(grace, int | float) and grace >= 0:
        chosen = chosen._replace(grace=float(grace))
    loop = Loop()
    # From here on no job holds the key: what a job holds is handed to the flow's own process.
    key = job.get("api_key")
    job = {name: value for name, value in job.items() if name != "api_key"}
    context = Context(Api(job["api_url"], key, chosen.request, loop.wake), loop, chosen, warm)
    retry = None
    while True:
        attempt = Attempt(job, context, retry)
        outcome = attempt.run()
        retry = attempt.retry
        if retry is None:
            return outcome
        job = {**job, "attempt": retry.attempt, "retries_used": job.get("retries_used", 0) + 1}


def detach(home: str) -> None:
    """Become independent of the agent and its terminal: a session of its own, output to a log file.

    Args:
        home: The folder of Alisio on this host. Only what goes wrong in the supervisor itself is logged there.
    """
    if os.getsid(0) != os.getpid():
        os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    try:
        log = os.open(Path(home) / LOG_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        log = os.dup(null)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)
    sys.stderr = open_text(2, "w")
