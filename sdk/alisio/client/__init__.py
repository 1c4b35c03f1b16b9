"""Talking to a server, over HTTP or inside this process. Importing this package imports no HTTP library."""

from alisio.client.client import Client, open_client

__all__ = ["Client", "open_client"]
