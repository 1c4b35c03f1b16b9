"""Jobs as agents get them."""

from __future__ import annotations

from typing import Any

from alisio.contract.base import utc_now
from alisio.contract.ids import new_id
from alisio.contract.work_pools import Job


def make_job(**more: Any) -> Job:
    """Make a job that is due now."""
    values = {
        "flow_run_id": new_id(),
        "attempt": 1,
        "flow_run_name": "brisk-sail",
        "flow_id": new_id(),
        "flow_name": "f",
        "deployment_id": new_id(),
        "deployment_name": "d",
        "work_pool_name": "p",
        "work_queue_name": "default",
        "entrypoint": "f.py:f",
        "due": utc_now(),
        "scheduled_start_time": utc_now(),
        "lease_seconds": 30.0,
        "start_timeout_seconds": 60.0,
    }
    return Job.model_validate(values | more)
