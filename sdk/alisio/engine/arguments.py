"""Futures and results in arguments: finding them, waiting for them, and putting the results in their place."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from types import CoroutineType
from typing import Any, TypeAlias
from uuid import UUID

from alisio.contract.states import StateType
from alisio.engine.provenance import LEAVES, Provenance
from alisio.futures import TaskRunFuture
from alisio.logging import get_logger
from alisio.states import State
from alisio.utilities.annotations import Annotation, allow_failure, opaque, quote

Link: TypeAlias = "TaskRunFuture[Any] | State[Any]"
_DIRECT = (TaskRunFuture, State, Annotation)

SEARCHED_DEEPLY = 1_000
"""Where nothing lies within the first elements of a long collection, the others are not looked into: a million
rows of data would take seconds. Futures that are elements themselves are found however long it is."""


class Found:
    """What is in one argument.

    Attributes:
        links: Futures and states, each with whether its failure is allowed.
        sources: The task runs that made what is in it, where that is known.
        to_rewrite: Whether something in it must be replaced before the function sees it.
    """

    __slots__ = ("links", "sources", "to_rewrite")

    def __init__(self) -> None:
        self.links: list[tuple[Link, bool]] = []
        self.sources: list[UUID] = []
        self.to_rewrite = False


def find(value: Any, provenance: Provenance | None) -> Found | None:
    """Look for futures, states and results of tasks in an argument: in lists, tuples, sets, dicts and dataclasses.

    Args:
        value: The argument.
        provenance: What is known of results; None: nothing.

    Returns:
        What was found, or None where there is nothing.
    """
    if type(value) in LEAVES:
        return None
    found = Found()
    _search(value, found, provenance, False, set())
    return found if found.to_rewrite or found.sources else None


def _search(value: Any, found: Found, provenance: Provenance | None, failure_allowed: bool, seen: set[int]) -> None:
    if isinstance(value, TaskRunFuture | State):
        found.to_rewrite = True
        found.links.append((value, failure_allowed))
        if value.task_run_id is not None:
            found.sources.append(value.task_run_id)
        return
    if isinstance(value, Annotation):
        found.to_rewrite = True
        if not _is_closed(value):
            allowed = failure_allowed or isinstance(value, allow_failure)
            _search(value.value, found, provenance, allowed, seen)
        return
    source = provenance.source_of(value) if provenance is not None else None
    if source is not None:
        found.sources.append(source)
    elif id(value) not in seen:
        seen.add(id(value))
        _search_within(value, found, provenance, failure_allowed, seen)


def _search_within(
    value: Any, found: Found, provenance: Provenance | None, failure_allowed: bool, seen: set[int]
) -> None:
    children = _children(value)
    if children is None:
        _warn_of_coroutine(value)
        return
    for place, child in enumerate(children):
        if type(child) in LEAVES:
            continue
        if place < SEARCHED_DEEPLY or found.to_rewrite or isinstance(child, _DIRECT):
            _search(child, found, provenance, failure_allowed, seen)


def _is_closed(value: Annotation[Any]) -> bool:
    """Tell whether nothing is looked for in what is marked so."""
    return isinstance(value, quote) or (isinstance(value, opaque) and not isinstance(value.value, _DIRECT))


def _warn_of_coroutine(value: Any) -> None:
    """Warn where the argument is an asynchronous task or flow that was called and not awaited."""
    if type(value) is CoroutineType and value.__qualname__.startswith(("task ", "flow ")):
        get_logger("arguments").warning(
            "an argument is the coroutine of %s: await it, or submit() it, and pass on what that gives",
            value.__qualname__,
        )


def _children(value: Any) -> Iterable[Any] | None:
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if type(value) is dict:
        return list(value.values())
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return [getattr(value, name, None) for name in value.__dataclass_fields__]
    if hasattr(type(value), "__pydantic_fields__"):
        return list(vars(value).values())
    return None


def state_of(link: Link, failure_allowed: bool = False) -> State[Any]:
    """Give the state of a link that has ended."""
    return link.state if isinstance(link, TaskRunFuture) else link


def result_of(link: Link, failure_allowed: bool) -> Any:
    """Give the result of a link that has ended, or its exception where that is allowed."""
    return state_of(link).result(raise_on_failure=not failure_allowed)


def unfit_input(found: Iterable[Found]) -> State[Any] | None:
    """Give the state of an input, all of which have ended, because of which a run must not start.

    Returns:
        The first that is not COMPLETED and whose failure is not allowed; None: all are fit.
    """
    for what in found:
        for link, failure_allowed in what.links:
            state = state_of(link)
            if not failure_allowed and state.type is not StateType.COMPLETED:
                return state
    return None


def futures_in(found: Iterable[Found]) -> list[TaskRunFuture[Any]]:
    """Give the futures that are to be waited for."""
    links = (link for what in found for link, _ in what.links)
    return [link for link in links if isinstance(link, TaskRunFuture) and not link.done()]


def substitute(value: Any, replace: Callable[[Link, bool], Any], failure_allowed: bool = False) -> Any:
    """Put something in the place of each link in a value.

    Args:
        value: The argument; it is not changed.
        replace: Gives what takes a link's place; it is told whether the link's failure is allowed.
        failure_allowed: Whether the value stands within `allow_failure`.

    Returns:
        The same object where there is no link in it; else a copy, with copies of what leads to the links.
    """
    if type(value) in LEAVES:
        return value
    if isinstance(value, TaskRunFuture | State):
        return replace(value, failure_allowed)
    if isinstance(value, Annotation):
        if _is_closed(value):
            return value.value
        return substitute(value.value, replace, failure_allowed or isinstance(value, allow_failure))
    return rebuilt(value, lambda part: substitute(part, replace, failure_allowed))


def rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change what lies in a value: in a list, a tuple, a set, a dict, a dataclass or a model of pydantic.

    Args:
        value: The value; it is not changed itself.
        change: Gives what takes the place of an element; the same object: nothing does.

    Returns:
        The same object where nothing has changed in it, else a copy.
    """
    if isinstance(value, list | tuple | set | frozenset):
        elements = [change(element) for element in value]
        if all(new is old for new, old in zip(elements, value, strict=True)):
            return value
        return _collection_like(value, elements)
    if type(value) is dict:
        items = {key: change(item) for key, item in value.items()}
        return value if all(items[key] is value[key] for key in value) else items
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return _with_fields(value, value.__dataclass_fields__, change)
    if hasattr(type(value), "__pydantic_fields__"):
        return _with_fields(value, vars(value), change)
    return value


def _collection_like(value: Any, elements: list[Any]) -> Any:
    if isinstance(value, list):
        return elements
    if isinstance(value, tuple):
        return type(value)(*elements) if hasattr(value, "_fields") else tuple(elements)
    return type(value)(elements)


def _with_fields(value: Any, names: Iterable[str], change: Callable[[Any], Any]) -> Any:
    changed = {}
    for name in names:
        old = getattr(value, name, None)
        new = change(old)
        if new is not old:
            changed[name] = new
    if not changed:
        return value
    twin = copy.copy(value)
    for name, new in changed.items():
        object.__setattr__(twin, name, new)
    return twin
