"""Cutting streams into lines and messages, whatever the pieces in which they come."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alisio_agent.framing import Unpacker, pack
from alisio_agent.supervisor.protocol import LineReader, parse_frame


@example([b"\x80" * 9], 4)
@given(st.lists(st.binary(max_size=40)), st.integers(min_value=4, max_value=20))
def test_lines(pieces: list[bytes], limit: int) -> None:
    """No byte is lost or added, no line is over the limit, and where none is, lines are what `split` says."""
    reader = LineReader(limit)
    lines = [line for piece in pieces for line in reader.feed(piece)] + reader.finish()
    data = b"".join(pieces)
    assert data.replace(b"\n", b"") == b"".join(lines)
    assert all(len(line) <= limit for line in lines)
    expected = data.split(b"\n")
    if all(len(line) <= limit for line in expected):
        assert expected[:-1] + [line for line in expected[-1:] if line] == lines


@given(st.text(min_size=1, max_size=60), st.integers(min_value=4, max_value=9))
def test_characters_are_whole(text: str, limit: int) -> None:
    """A long line is cut between characters, not within one."""
    reader = LineReader(limit)
    pieces = reader.feed(text.replace("\n", " ").encode() + b"\n")
    assert text.replace("\n", " ") == "".join(piece.decode() for piece in pieces)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"other": 1}',
        b'{"facts": []}',
        b'{"logs": 1}',
        b'{"logs": [1]}',
        b'{"task_runs": [{}]}',
        b'{"artifacts": [{}]}',
        b'{"events": [{"id": 1}]}',
        b'{"dropped_logs": -1}',
        b'{"ending": {"type": ["FAILED"]}}',
        b'{"hooks": [1]}',
        b"[" * 100_000,
    ],
)
def test_no_frame(line: bytes) -> None:
    """What is no frame is told apart by its shape."""
    with pytest.raises(ValueError, match=r"it is not|not a part"):
        parse_frame(line)


def test_frame() -> None:
    """A frame is taken as it is."""
    assert {"facts": {"name": "n"}, "task_runs": [{"id": "x"}]} == parse_frame(
        b'{"facts": {"name": "n"}, "task_runs": [{"id": "x"}]}'
    )


@given(st.lists(st.dictionaries(st.text(), st.text())), st.integers(min_value=1, max_value=30))
def test_messages(messages: list[dict[str, str]], size: int) -> None:
    """Messages come out as they went in, whatever the pieces."""
    data = b"".join(map(pack, messages))
    unpacker = Unpacker()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert messages == [message for piece in pieces for message in unpacker.feed(piece)]
