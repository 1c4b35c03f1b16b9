"""Agents on Fargate: one starts for a run that is due, though there was none."""

from __future__ import annotations

import tempfile
import time
import uuid
from pathlib import Path
from uuid import UUID

from alisio.cloud.verification.subject import CheckError, SkippedError, Subject
from alisio.contract.runs import FlowRun, FlowRunCreate
from alisio.deployments.deploying import Deployer, Plan, Source
from alisio.engine.entrypoints import load_flow

_WITHIN_SECONDS = 15 * 60.0
_LOOK_SECONDS = 5.0
_FILE = "verify_flow.py"
_FLOW = '''"""A flow that shows that agents start."""

from alisio import flow


@flow
def alisio_verify() -> str:
    """Return at once."""
    return "verified"
'''


def check_fargate(subject: Subject) -> str:
    """A run on the stage's pool is completed by an agent that the stage starts for it, within 15 minutes."""
    pool = subject.outputs.get("WorkPool")
    if pool is None:
        raise SkippedError("the stage has no agents of its own")
    deployment_id = _deploy(subject, pool)
    try:
        began = time.monotonic()
        run = _run_to_its_end(subject, deployment_id)
        took = time.monotonic() - began
    finally:
        subject.client.delete_deployment(deployment_id)
    if run.state.name != "Completed":
        raise CheckError(f"after {took:.0f} s the run is {run.state.name}: {run.state.message or 'see its logs'}")
    return f"from the run's creation to its end {took:.0f} s"


def _deploy(subject: Subject, pool: str) -> UUID:
    with tempfile.TemporaryDirectory(prefix="alisio-verify-") as folder:
        root = Path(folder)
        (root / _FILE).write_text(_FLOW, encoding="utf-8")
        source = Source(root, f"{_FILE}:alisio_verify")
        plan = Plan(name=f"verify-{uuid.uuid4().hex[:8]}", work_pool_name=pool)
        return Deployer(subject.client).deploy(load_flow(source.entrypoint, root), source, plan).id


def _run_to_its_end(subject: Subject, deployment_id: UUID) -> FlowRun:
    run = subject.client.create_run(deployment_id, FlowRunCreate())
    deadline = time.monotonic() + _WITHIN_SECONDS
    while not run.state.type.is_terminal and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        run = subject.client.read_flow_run(run.id)
    return run
