"""Flows that say too much, or what is no text, run by a real agent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.backends import LaptopBackend, processes_in
from tests.e2e.stack import Api, Stack

LINES = int(os.environ.get("HOSTILE_LINES") or 30_000)
"""Lines of a flood: `make hostile` sends a million."""

MEGABYTES = 200
"""What any process but the server may take while a flood goes through it."""

FLOWS = """
import os
import sys

from alisio import flow, get_run_logger


@flow
def flood(lines: int):
    log = get_run_logger()
    for number in range(lines):
        log.info("line %d", number)


@flow
def printed_flood(lines: int):
    for number in range(lines):
        print("line", number)


@flow(log_prints=True)
def long_lines():
    get_run_logger().info("a" * 1_000_000)
    print("b" * 1_000_000)
    sys.stderr.write("c" * 1_000_000 + "\\n")


@flow
def binary():
    os.write(1, bytes(range(256)) * 500 + b"\\nthe end\\n")


@flow(log_prints=True)
def large(text: str):
    print(len(text))
"""


@pytest.fixture(scope="module")
def stack(backend: LaptopBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An agent for the flows of this module."""
    stack = Stack(backend, tmp_path_factory.mktemp("output"), Api(backend.api_url))
    stack.open()
    stack.write("hostile.py", FLOWS)
    stack.start_agent()
    yield stack
    stack.close()


def run(stack: Stack, flow: str, name: str = "d", **parameters: Any) -> str:
    """Run a flow to its end, which must be a good one; returns the run's id."""
    spec = {"flow_name": flow.replace("_", "-"), "name": name, "entrypoint": f"hostile.py:{flow}"}
    place = {"work_pool_name": stack.pool, "path": str(stack.folder / "project")}
    deployment = stack.api.post("/deployments", spec | place)
    run_id: str = stack.api.post(f"/deployments/{deployment['id']}/runs", {"parameters": parameters}, status=201)["id"]

    def has_ended() -> bool:
        for process in processes_in(stack.backend.environment["ALISIO_HOME"]):
            watch(process)
        return stack.api.get(f"/flow-runs/{run_id}")["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED")

    stack.until(has_ended, f"{flow} to end", timeout=100 + LINES / 2_000)
    assert "COMPLETED" == stack.api.get(f"/flow-runs/{run_id}")["state"]["type"]
    return run_id


def watch(process: psutil.Process) -> None:
    """See that a process stays small."""
    try:
        is_server = "server" in process.cmdline()
        used = process.memory_info().rss // 1_000_000
    except psutil.NoSuchProcess:
        return
    assert is_server or MEGABYTES > used, f"{process.cmdline()} takes {used} MB"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("flow", ["flood", "printed_flood"])
def test_a_flood_of_lines(stack: Stack, flow: str) -> None:
    """A flood is stored whole, and no process grows with it."""
    run_id = run(stack, flow, lines=LINES)
    query = {"filter": {"flow_run_ids": [run_id], "message_contains": "line"}, "limit": 1_000}
    stored: list[str] = []
    while True:
        page = stack.api.post("/logs/filter", query)
        stored += [line["message"] for line in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert [f"line {number}" for number in range(LINES)] == [text for text in stored if text.startswith("line ")]


def test_long_lines(stack: Stack) -> None:
    """Of a line of 1 MB in a log the begin is kept, with a sign that it was cut; one that is printed comes in parts."""
    messages = stack.logs(run(stack, "long_lines"))
    assert ["a" * 99_999 + "…"] == [text for text in messages if text.startswith("a")]
    assert ["b" * 99_999 + "…"] == [text for text in messages if text.startswith("b")]
    assert "c" * 1_000_000 == "".join(text for text in messages if text.startswith("c"))


def test_binary_output(stack: Stack) -> None:
    """Output that is no text is kept as far as it can be, and does no harm to what follows."""
    messages = stack.logs(run(stack, "binary"))
    assert "the end" in messages
    assert any("\ufffd" in text for text in messages)


@pytest.mark.parametrize("name", ["مرحبا", "👩‍👩‍👧 e\u0301\u0323", "\u202edesrever", "日本語"])
def test_large_parameters_and_any_name(stack: Stack, name: str) -> None:
    """A run with parameters of half a megabyte, of a deployment with a name in any script, comes to its end."""
    assert "510000" in stack.logs(run(stack, "large", name, text="x" * 510_000))


def test_the_folder_is_left_clean(stack: Stack) -> None:
    """No run leaves its folder or its spool behind."""
    home = Path(stack.backend.environment["ALISIO_HOME"])
    stack.until(lambda: not [*home.glob("runs/*/"), *home.glob("spool/*/")], "the runs' folders to go")
