"""What user code may ask about the run it belongs to: `runtime.flow_run.name`, `runtime.deployment.id`, ...

A test may say what is answered: `ALISIO__RUNTIME__FLOW_RUN__NAME` stands for `runtime.flow_run.name`, and so on.
"""

from alisio.runtime import deployment, flow_run, task_run

__all__ = ["deployment", "flow_run", "task_run"]
