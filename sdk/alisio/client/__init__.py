"""Talking to a server, over HTTP or inside this process.

    with open_client() as client:
        client.filter_flow_runs(FlowRunQuery())

What only reports uses `alisio.client.opening`, which imports less than the whole `Client`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alisio.client.client import Client, open_client

__all__ = ["Client", "open_client"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from alisio.client import client

    return getattr(client, name)
