"""Where `prefect_dask.task_runners` has it."""

from alisio.task_runners.dask import DaskTaskRunner

__all__ = ["DaskTaskRunner"]
