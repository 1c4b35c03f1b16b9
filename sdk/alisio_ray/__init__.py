"""Where the users of `prefect_ray` look for Ray: all of it is in `alisio.task_runners`."""

from alisio.task_runners.ray import RayTaskRunner, remote_options

__all__ = ["RayTaskRunner", "remote_options"]
