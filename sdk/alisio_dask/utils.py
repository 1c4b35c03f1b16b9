"""Where `prefect_dask.utils` has them."""

from alisio.task_runners.dask_client import get_async_dask_client, get_dask_client

__all__ = ["get_async_dask_client", "get_dask_client"]
