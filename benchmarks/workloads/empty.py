"""A flow that does nothing, run once where this file is a script."""

from __future__ import annotations

from product import flow


@flow
def empty() -> None:
    """Do nothing."""


if __name__ == "__main__":
    empty()
    print("{}")
