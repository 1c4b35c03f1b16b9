"""Count the examples of a folder of Markdown that run here."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.compatibility.blocks import Block, pages
from tests.compatibility.judging import FAILED, KINDS, RAN, Verdict
from tests.compatibility.running import opened

Judged = list[tuple[Block, Verdict]]


def judged(blocks: list[Block], seconds: float) -> Judged:
    """Run the examples of one page, in their order.

    Args:
        blocks: The examples.
        seconds: How long each may take.
    """
    with opened(seconds) as page:
        found = [(block, page.run(block)) for block in blocks]
    return [
        (block, _alone(block, seconds) or verdict if verdict.kind == FAILED else verdict) for block, verdict in found
    ]


def _alone(block: Block, seconds: float) -> Verdict | None:
    """Run an example in a home of its own: of alternatives on one page, each makes what the others have made."""
    with opened(seconds) as page:
        verdict = page.run(block)
    return verdict if verdict.kind == RAN else None


def counts(found: Judged, depth: int) -> dict[str, Any]:
    """Count by folder and by reason; no text of an example is in it.

    Args:
        found: The examples and what became of them.
        depth: How many parts of a page's path name its folder.
    """
    folders: dict[str, Counter[str]] = {}
    reasons: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for block, verdict in found:
        folder = "/".join(block.page.split("/")[:-1][:depth]) or "."
        folders.setdefault(folder, Counter())[verdict.kind] += 1
        reasons[verdict.kind][verdict.why] += 1
    total = Counter(verdict.kind for _, verdict in found)
    return {
        "examples": len(found),
        "total": dict(total),
        "folders": {name: dict(count) for name, count in sorted(folders.items())},
        "reasons": {kind: dict(count.most_common()) for kind, count in reasons.items()},
    }


def table(counted: dict[str, Any]) -> str:
    """Write the counts by folder as a Markdown table."""
    rows = [*counted["folders"].items(), ("all", counted["total"])]
    lines = [f"| folder | examples | {' | '.join(KINDS)} |", "| --- |" + " --- |" * (len(KINDS) + 1)]
    for name, count in rows:
        numbers = " | ".join(str(count.get(kind, 0)) for kind in KINDS)
        lines.append(f"| {name} | {sum(count.values())} | {numbers} |")
    return "\n".join(lines)


def main() -> None:
    """Run, and print a line for each example that did not run, and the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.compatibility", description=__doc__)
    parser.add_argument("folder", type=Path, help="holds Markdown files")
    parser.add_argument("--only", default="", help="part of the path of the pages to run")
    parser.add_argument("--json", type=Path, help="where to write the counts")
    parser.add_argument("--seconds", type=float, default=20, help="how long an example may take")
    parser.add_argument("--jobs", type=int, default=2, help="pages at once")
    parser.add_argument("--depth", type=int, default=4, help="parts of a path that make a folder in the table")
    parser.add_argument("--apart", action="store_true", help="examples of a page do not build upon each other")
    parser.add_argument("--all", action="store_true", help="print those that ran too")
    options = parser.parse_args()
    found: Judged = []
    groups = list(pages(options.folder, options.only).values())
    if options.apart:
        groups = [[block] for blocks in groups for block in blocks]
    with ThreadPoolExecutor(options.jobs) as pool:
        for page in pool.map(lambda each: judged(each, options.seconds), groups):
            for block, verdict in page:
                if options.all or verdict.kind != KINDS[0]:
                    sys.stdout.write(f"{block.label}\t{verdict.kind}\t{verdict.why}\n")
            sys.stdout.flush()
            found.extend(page)
    counted = counts(found, options.depth)
    if options.json:
        options.json.write_text(json.dumps(counted, indent=2) + "\n")
    sys.stdout.write(table(counted) + "\n")


if __name__ == "__main__":
    main()
