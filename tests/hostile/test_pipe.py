"""What comes over a child's report pipe, whatever it is, never ends its supervisor."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from alisio_agent.supervisor.protocol import FRAME_BYTES, LineReader, parse_frame
from alisio_agent.supervisor.reports import MAX_BYTES, MAX_ROWS, Outbox, compress, render
from alisio_agent.supervisor.spool import Spool

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["id", "type", "level", "message", "name"]), VALUES, max_size=4))
FRAMES = st.fixed_dictionaries(
    {},
    optional={
        "states": ROWS | VALUES,
        "subflows": ROWS | VALUES,
        "task_runs": ROWS | VALUES,
        "logs": ROWS | VALUES,
        "facts": VALUES,
        "dropped_logs": VALUES,
        "other": VALUES,
    },
)


def take_in(line: bytes, outbox: Outbox) -> bool:
    """Do with a line what a supervisor does; returns whether it was a frame."""
    try:
        frame = parse_frame(line)
    except ValueError:
        return False
    outbox.add_frame(frame)
    return True


def report_of(outbox: Outbox) -> dict[str, Any]:
    """Make the next report as a supervisor does, and read it as the server would."""
    rows, dropped = outbox.take(MAX_ROWS, MAX_BYTES)
    body = render(rows, attempt=1, sequence=1, dropped=dropped)
    compress(body)
    report: dict[str, Any] = json.loads(body)
    return report


@settings(deadline=None, max_examples=500)
@given(frame=FRAMES)
@example({"states": [{"type": ["COMPLETED"]}]})
@example({"states": [{"type": {}}]})
@example({"states": [{"type": "COMPLETED"}], "dropped_logs": True})
@example({"logs": [{"level": [], "message": "\ud800\0"}]})
def test_wrong_types(frame: dict[str, Any]) -> None:
    """A frame whose values are of the wrong types is refused whole, or becomes a report for the API to judge."""
    with tempfile.TemporaryDirectory() as folder:
        outbox = Outbox(Spool(Path(folder)))
        if take_in(json.dumps(frame).encode(), outbox):
            assert 1 == report_of(outbox)["sequence"]


@settings(deadline=None)
@given(pieces=st.lists(st.binary(max_size=200) | st.just(b'{"logs":[]}\n') | st.just(b"[" * 5_000 + b"\n")))
def test_garbage(pieces: list[bytes]) -> None:
    """Garbage and half lines are told from frames, and the frames between them are taken."""
    reader = LineReader(FRAME_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        outbox = Outbox(Spool(Path(folder)))
        lines = [line for piece in [*pieces, b'\n{"facts":{"name":"last"}}\n'] for line in reader.feed(piece)]
        taken = [take_in(line, outbox) for line in lines]
        assert taken[-1]
        assert {"name": "last"} == report_of(outbox)["facts"]


def test_a_line_without_end() -> None:
    """Of a line that never ends no more is held than a frame may have."""
    reader = LineReader(FRAME_BYTES)
    lengths = [len(line) for _ in range(400) for line in reader.feed(b"x" * 65_536)]
    assert {FRAME_BYTES} == set(lengths)
    assert FRAME_BYTES >= sum(map(len, reader.finish()))
