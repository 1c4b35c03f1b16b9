"""What runs are given while they run: `RunInput`, `send_input`, `receive_input`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alisio.input.run_input import RunInput, receive_input, send_input

__all__ = ["RunInput", "receive_input", "send_input"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from alisio.input import run_input

    return getattr(run_input, name)
