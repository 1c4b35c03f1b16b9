"""Writes the OpenAPI document to standard output: `python -m alisio_server.openapi > docs/openapi.json`."""

from __future__ import annotations

import json
import sys

from alisio_server.app import openapi_json


def render() -> str:
    """Write the document as it is committed: indented, its keys in a fixed order."""
    return json.dumps(json.loads(openapi_json()), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
