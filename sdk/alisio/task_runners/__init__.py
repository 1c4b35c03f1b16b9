"""Task runners: how a flow runs the tasks that it submits."""

from alisio.task_runners.base import TaskRunner
from alisio.task_runners.sequential import SequentialTaskRunner
from alisio.task_runners.threads import ConcurrentTaskRunner, ThreadPoolTaskRunner

__all__ = ["ConcurrentTaskRunner", "SequentialTaskRunner", "TaskRunner", "ThreadPoolTaskRunner"]
