"""One snapshot a stack, so that a change of what is deployed is seen in a change of a file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cdk.conftest import Synthesized

SNAPSHOTS = Path(__file__).with_name("snapshots")
STACKS = {
    "dev": ("network", "database", "core", "agents", "ui"),
    "prod": ("network", "database", "core", "agents", "ui"),
    "local": ("core",),
}
# Digests of assets, and what the CDK makes of them in the names of versions.
_HASHES = (
    (re.compile(r"[0-9a-f]{64}"), "<hash>"),
    (re.compile(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}"), r"\1<hash>"),
)


def _masked(template: dict[str, Any]) -> str:
    text = json.dumps(template, indent=1, sort_keys=True)
    for pattern, mask in _HASHES:
        text = pattern.sub(mask, text)
    return text + "\n"


@pytest.mark.parametrize(("stage", "part"), [(stage, part) for stage, parts in STACKS.items() for part in parts])
def test_a_stack_is_as_it_was_last_looked_at(stage: str, part: str, synthesize: Callable[[str], Synthesized]) -> None:
    """What is deployed changes only together with the snapshot that shows it."""
    found = _masked(synthesize(stage).templates[f"alisio-{stage}-{part}"])
    file = SNAPSHOTS / f"{stage}-{part}.json"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        file.write_text(found, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == found, "read the difference; UPDATE_SNAPSHOTS=1 accepts it"


@pytest.mark.parametrize("stage", STACKS)
def test_a_stage_has_the_stacks_that_its_settings_name(stage: str, synthesize: Callable[[str], Synthesized]) -> None:
    """Each part is a stack of its own, named after its stage."""
    assert {f"alisio-{stage}-{part}" for part in STACKS[stage]} == set(synthesize(stage).templates)
