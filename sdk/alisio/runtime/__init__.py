"""What user code may ask about the run it belongs to: `runtime.flow_run.name`, `runtime.task_run.id`, ..."""

from alisio.runtime import flow_run, task_run

__all__ = ["flow_run", "task_run"]
