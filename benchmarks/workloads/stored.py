"""What a database is to hold: `stored.py runs|task_runs|logs COUNT` makes that many of them."""

from __future__ import annotations

import sys

from product import flow, task


@flow
def empty() -> None:
    """Do nothing."""


@task
def nothing(number: int) -> None:
    """Do nothing with an argument, which is recorded."""


@flow
def mapping(count: int) -> None:
    """Run tasks."""
    nothing.map(range(count)).wait()


@flow(log_prints=True)
def printing(count: int) -> None:
    """Log lines of 50 characters, no two the same."""
    for number in range(count):
        print(f"row {number:08} of sales-2026.csv was put into staging")


if __name__ == "__main__":
    kind, wanted = sys.argv[1], int(sys.argv[2])
    if kind == "runs":
        for _ in range(wanted):
            empty()
    else:
        {"task_runs": mapping, "logs": printing}[kind](wanted)
    print("{}")
