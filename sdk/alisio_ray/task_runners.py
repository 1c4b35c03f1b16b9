"""Where `prefect_ray.task_runners` has it."""

from alisio.task_runners.ray import RayTaskRunner

__all__ = ["RayTaskRunner"]
