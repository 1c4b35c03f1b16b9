"""Writes the table of roles of docs/security.md to standard output: `python -m alisio_server.access.table`."""

from __future__ import annotations

import sys

from alisio.contract.roles import Role
from alisio_server.access.rules import RULES, Access
from alisio_server.app import get_resolver


def render() -> str:
    """Write the table in Markdown: a row for each thing that routes are for, with the operations it stands for."""
    get_resolver()  # which makes the routes, and so their rules
    heading = ["what", *Role, "operations"]
    lines = [_row(heading), _row(["---"] * len(heading))]
    for access in Access:
        actions = sorted(rule.action for rule in RULES.all() if rule.access is access)
        marks = ["yes" if role in access.roles else "-" for role in Role]
        lines.append(_row([access.value, *marks, ", ".join(f"`{action}`" for action in actions)]))
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(render())
