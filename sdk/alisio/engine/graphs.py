"""What a flow would run, as a graph: its code is called with tasks and subflows that only note their calls."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from alisio.context import current_graph
from alisio.contract.states import StateType
from alisio.engine.drivers import run_coroutine
from alisio.exceptions import VisualizationError
from alisio.states import State

if TYPE_CHECKING:
    from alisio.engine.definition import Definition
    from alisio.flows import Flow

_MAX_DEPTH = 10


class Node(NamedTuple):
    """A call that the flow's code has made."""

    number: int
    name: str
    is_flow: bool

    @property
    def key(self) -> str:
        """What it is called in the text of a graph."""
        return f"n{self.number}_{re.sub(r'[^A-Za-z0-9]', '_', self.name)}"

    @property
    def label(self) -> str:
        """What people read, in quotes."""
        return '"' + self.name.replace("\\", "/").replace('"', "'") + '"'


class Placeholder:
    """Stands for the result of a task that is not run, and for its future."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def __repr__(self) -> str:
        return f"<the result of {self.node.name}>"


class FuturePlaceholder(Placeholder):
    """Stands for the future of a submitted task.

    Args:
        node: The call.
        value: What its result is.
    """

    def __init__(self, node: Node, value: Any) -> None:
        super().__init__(node)
        self._value = value
        self.task_run_id = None
        self.state: State[Any] = State(StateType.COMPLETED, data=value)

    def result(self, *_: Any, **__: Any) -> Any:
        """Give what stands for the result."""
        return self._value

    def wait(self, *_: Any, **__: Any) -> None:
        """Do not wait."""

    def done(self) -> bool:
        """Say that it has ended."""
        return True

    def add_done_callback(self, callback: Any) -> None:
        """Call the function at once."""
        callback(self)


class FuturesPlaceholder(list[FuturePlaceholder]):
    """Stands for the futures of a mapped task: however many there would be, they are one node."""

    def result(self, *_: Any, **__: Any) -> list[Any]:
        """Give what stands for the results."""
        return [future.result() for future in self]

    def wait(self, *_: Any, **__: Any) -> None:
        """Do not wait."""


class Graph:
    """The calls of a flow's code, and which of them are given the results of which."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.edges: dict[tuple[Node, Node], None] = {}
        self._counts: dict[str, int] = {}
        self._makers: dict[int, tuple[Node, Any]] = {}

    def note(self, definition: Definition, how: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Take note of a call in place of making it.

        Args:
            definition: The task or the flow.
            how: `call`, `submit` or `map`.
            args: As given to it.
            kwargs: Likewise.

        Returns:
            What stands for the result, or for the future.
        """
        wants_state = kwargs.pop("return_state", False)
        node = self._add(definition)
        for source in dict.fromkeys(self._sources((args, kwargs), 0)):
            self.edges[source, node] = None
        given = getattr(definition, "viz_return_value", None)
        value = Placeholder(node) if given is None else given
        # What is given more than once stands for its latest call; it is held, so that its identity is its own.
        self._makers[id(value)] = node, value
        if wants_state:
            state: State[Any] = State(StateType.COMPLETED, data=value)
            self._makers[id(state)] = node, state
            return state if how != "map" else [state]
        if how == "call":
            return _awaited(value) if definition.is_async and not definition.is_generator else value
        future = FuturePlaceholder(node, value)
        return future if how == "submit" else FuturesPlaceholder([future])

    def to_mermaid(self) -> str:
        """Write it as a flowchart of Mermaid."""
        lines = ["flowchart TD"]
        for node in self.nodes:
            opening, closing = ("[[", "]]") if node.is_flow else ("[", "]")
            lines.append(f"    {node.key}{opening}{node.label}{closing}")
        lines += [f"    {source.key} --> {target.key}" for source, target in self.edges]
        return "\n".join(lines) + "\n"

    def to_dot(self) -> str:
        """Write it in the language of Graphviz."""
        lines = ["digraph flow {", '    node [shape=box, style=rounded, fontname="sans-serif"];']
        for node in self.nodes:
            lines.append(f"    {node.key} [label={node.label}{', peripheries=2' if node.is_flow else ''}];")
        lines += [f"    {source.key} -> {target.key};" for source, target in self.edges]
        return "\n".join([*lines, "}"]) + "\n"

    def _add(self, definition: Definition) -> Node:
        count = self._counts.get(definition.name, 0)
        self._counts[definition.name] = count + 1
        node = Node(len(self.nodes), f"{definition.name}-{count}", definition.kind == "flow")
        self.nodes.append(node)
        return node

    def _sources(self, value: Any, depth: int) -> Iterator[Node]:
        if isinstance(value, Placeholder):
            yield value.node
            return
        known = self._makers.get(id(value))
        if known is not None and known[1] is value:
            yield known[0]
            return
        parts = value.values() if isinstance(value, dict) else value
        if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset | dict):
            for part in parts:
                yield from self._sources(part, depth + 1)
        elif hasattr(value, "unwrap"):
            yield from self._sources(value.value, depth + 1)


def graph_of(flow: Flow[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Graph:
    """Call a flow's code, with tasks and subflows that are not run, and see what it would run.

    Raises:
        ParameterError: The arguments don't fit.
        VisualizationError: The code failed: mostly as it uses a task's result.
    """
    parameters = flow.with_defaults(flow.arguments(args, kwargs))
    graph = Graph()
    try:
        copy_context().run(_trace, flow, graph, parameters)
    except Exception as error:
        raise VisualizationError(
            f"{flow.label} cannot be drawn: {type(error).__name__}: {error}; where its code uses the result of a task, "
            "give that task a viz_return_value"
        ) from error
    return graph


def render(graph: Graph, name: str) -> Path:
    """Draw a graph by Graphviz.

    Returns:
        A PNG file in the folder for temporary files.

    Raises:
        VisualizationError: The program `dot` is not there, or failed.
    """
    program = shutil.which("dot")
    if program is None:
        raise VisualizationError(
            "drawing needs Graphviz, whose program `dot` is not on the path: install it, or use "
            "graph_output_format='mermaid'"
        )
    path = Path(tempfile.mkdtemp(prefix="alisio-")) / f"{re.sub(r'[^A-Za-z0-9-]', '_', name)}.png"
    done = subprocess.run(
        [program, "-Tpng", "-o", str(path)], input=graph.to_dot(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise VisualizationError(f"`dot` failed: {' '.join(done.stderr.split())}")
    return path


def _trace(flow: Flow[Any, Any], graph: Graph, parameters: dict[str, Any]) -> None:
    current_graph.set(graph)
    args, kwargs = flow.arguments_from(parameters)
    outcome = flow.fn(*args, **kwargs)
    if flow.is_generator:
        run_coroutine(_exhausted(outcome)) if flow.is_async else list(outcome)
    elif flow.is_async:
        run_coroutine(outcome)


async def _exhausted(values: Any) -> None:
    async for _ in values:
        await asyncio.sleep(0)


async def _awaited(value: Any) -> Any:
    return value
