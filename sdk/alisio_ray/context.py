"""Where `prefect_ray.context` has it."""

from alisio.task_runners.ray import remote_options

__all__ = ["remote_options"]
