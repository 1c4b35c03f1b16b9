"""httpx without its command line, which it imports wherever click and rich are installed, as they are with us.

That would take 5 MB of memory and 60 ms of each process that talks to a server.
"""

from __future__ import annotations

import sys

_COMMAND_LINE = "httpx._main"

if "httpx" in sys.modules:
    import httpx
else:
    # It takes this for one that is not installed. The command `httpx` is a process of its own.
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment]
    try:
        import httpx
    finally:
        sys.modules.pop(_COMMAND_LINE, None)

__all__ = ["httpx"]
