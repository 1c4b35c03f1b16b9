"""How an entrypoint names a flow."""

from __future__ import annotations

from enum import StrEnum


class EntrypointType(StrEnum):
    """What the option `entrypoint_type` of a deployment takes; which of the two it is shows from the entrypoint."""

    FILE_PATH = "file_path"
    """`flows/etl.py:etl`."""
    MODULE_PATH = "module_path"
    """`flows.etl.etl`."""
