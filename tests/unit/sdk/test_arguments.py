"""Finding futures and results in arguments."""

from __future__ import annotations

import gc
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

from alisio import allow_failure, unmapped
from alisio.contract.ids import new_id
from alisio.engine.arguments import SEARCHED_DEEPLY, find, state_of, substitute
from alisio.engine.provenance import MAX_HELD, Provenance
from alisio.states import Completed

Pair = namedtuple("Pair", ["left", "right"])  # what user code has


class Frame:
    """An object that can be referred to weakly, as a data frame can."""


class Row(list[int]):
    """A row of data that says when it is looked into."""

    def __init__(self, looked_into: list[Row]) -> None:
        super().__init__([1, 2])
        self._looked_into = looked_into

    def __iter__(self) -> Iterator[int]:
        self._looked_into.append(self)
        return super().__iter__()


def _results(value: Any) -> Any:
    return substitute(value, lambda link, _allowed: state_of(link).data)


def test_nothing_to_replace() -> None:
    """A value without futures or states in it is the same object afterwards."""
    values: list[Any] = [5, "x", [1, {"a": (2, {3})}], {"deep": [[[]]]}, Frame()]
    for value in values:
        assert find(value, None) is None
        assert value is _results(value)


def test_shapes_are_kept() -> None:
    """What is rebuilt is of the same shape; the original is not changed."""
    one, two = Completed(data=1), Completed(data=2)
    original: dict[str, Any] = {"list": [one, 5], "pair": Pair(one, two), "set": {two}, "mark": unmapped(one)}

    assert {"list": [1, 5], "pair": Pair(1, 2), "set": {2}, "mark": 1} == _results(original)
    assert original["list"][0] is one
    assert 5 == len(find(original, None).links)


def test_allowed_failures_are_told() -> None:
    """What stands within `allow_failure` is marked, at any depth."""
    found = find([Completed(), allow_failure([Completed()])], None)
    assert found is not None
    assert [False, True] == [allowed for _, allowed in found.links]


def test_cycles_end() -> None:
    """A list that holds itself is searched once."""
    cycle: list[Any] = [1]
    cycle.append(cycle)
    assert find(cycle, None) is None


def test_long_collections_are_quick() -> None:
    """A long list of rows is not searched to the end, but futures are found at its end."""
    looked_into: list[Row] = []
    rows: list[Any] = [Row(looked_into) for _ in range(100 * SEARCHED_DEEPLY)]
    assert find(rows, None) is None
    assert SEARCHED_DEEPLY == len(looked_into)

    rows.append(Completed(data=7))
    assert 7 == _results(rows)[-1] if find(rows, None) else None
    first: list[Any] = [[Completed()], *([] for _ in range(SEARCHED_DEEPLY)), [Completed()]]
    found = find(first, None)
    assert found is not None
    assert 2 == len(found.links)


def test_provenance_by_weak_reference() -> None:
    """An object's maker is known while it lives, and the object is not kept alive for that."""
    provenance, maker = Provenance(), new_id()
    frame = Frame()
    provenance.remember(frame, maker)
    assert maker == provenance.source_of(frame)

    freed: list[int] = []
    frame.__dict__["on_free"] = _OnFree(freed)
    del frame
    gc.collect()
    assert [1] == freed


class _OnFree:
    def __init__(self, freed: list[int]) -> None:
        self._freed = freed

    def __del__(self) -> None:
        self._freed.append(1)


def test_provenance_of_lists() -> None:
    """Of lists the latest few are held, and one that nobody else has is let go when the next one comes."""
    provenance, maker = Provenance(), new_id()
    freed: list[int] = []
    provenance.remember([_OnFree(freed)], maker)
    assert [] == freed

    rows = [1]
    provenance.remember(rows, maker)
    assert ([1], maker) == (freed, provenance.source_of(rows))

    others = [[n] for n in range(MAX_HELD)]
    for other in others:
        provenance.remember(other, new_id())
    assert provenance.source_of(rows) is None
    assert provenance.source_of(others[0]) is not None


def test_shared_values_have_no_maker() -> None:
    """Numbers, texts and None are shared by the interpreter: they say nothing of where they come from."""
    provenance = Provenance()
    for value in (None, True, 5, "x", b"x", 1.5):
        provenance.remember(value, new_id())
        assert provenance.source_of(value) is None
