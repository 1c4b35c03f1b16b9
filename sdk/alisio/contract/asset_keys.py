"""What the key of an asset may be. Standard library only: it is checked where a task is decorated."""

from __future__ import annotations

import re

MAX_ASSET_KEY = 512
ASSET_KEY_PATTERN = r"[a-z][a-z0-9+.-]*://[^\x00-\x20]+"
_KEY = re.compile(ASSET_KEY_PATTERN)


def fault_of_key(key: object) -> str | None:
    """Tell what is wrong with the key of an asset.

    Returns:
        What it must be, to be read after "must be"; None where it can be used.
    """
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        return "a URI without blanks, such as s3://bucket/table.csv"
    return None if len(key) <= MAX_ASSET_KEY else f"of {MAX_ASSET_KEY} characters at most"
