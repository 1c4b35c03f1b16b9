"""Where the users of `prefect_dask` look for Dask: all of it is in `alisio.task_runners`."""

from alisio.task_runners.dask import DaskTaskRunner
from alisio.task_runners.dask_client import get_async_dask_client, get_dask_client

__all__ = ["DaskTaskRunner", "get_async_dask_client", "get_dask_client"]
