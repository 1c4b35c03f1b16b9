"""Programs of nested tasks and transactions, run by the engine and by a model of what should happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from alisio import flow, task
from alisio.results import ResultStore
from alisio.transactions import atransaction, get_transaction, transaction
from tests.unit.sdk.conftest import Style
from tests.unit.sdk.results.shelf import Shelf


@dataclass(frozen=True)
class Step:
    """A task with a rollback and a commit hook. A cached one stores its result under its name."""

    name: str
    fails: bool = False
    cached: bool = False
    within: tuple[Step | Block, ...] = ()


@dataclass(frozen=True)
class Block:
    """A transaction. One with a key is not entered when it was committed before."""

    parts: tuple[Step | Block, ...] = ()
    mode: str | None = None
    fails: bool = False
    key: str | None = None


Part = Step | Block


class BoomError(Exception):
    """What a failing part raises."""


class Machine:
    """Runs programs as flows of one style, with one store."""

    def __init__(self, style: Style, shelf: Shelf | None = None) -> None:
        self.style = style
        self.shelf = Shelf() if shelf is None else shelf
        self.events: list[str] = []
        options: dict[str, Any] = {
            "task_run_name": "{step.name}",
            "cache_key_fn": lambda _context, arguments: arguments["step"].name if arguments["step"].cached else None,
            "result_storage": self.shelf,
            "on_rollback": [self._hook("undo")],
            "on_commit": [self._hook("commit")],
        }
        self.task = task(**options)(self._act_async if style.is_async else self._act)

    def run(self, *program: Part) -> list[str]:
        """Run the parts of a program, each whatever became of the one before; give what happened, in order."""
        self.events = []

        def main() -> None:
            for part in program:
                try:
                    self._do(part)
                except BoomError:
                    self.events.append("raised")

        async def main_async() -> None:
            for part in program:
                try:
                    await self._do_async(part)
                except BoomError:
                    self.events.append("raised")

        self.style.run(flow(name="main")(main_async if self.style.is_async else main))
        return self.events

    def _hook(self, what: str) -> Callable[[Any], None]:
        return lambda txn: self.events.append(f"{what} {txn.get('name')}")

    def _begin(self, step: Step) -> None:
        self.events.append(f"run {step.name}")
        txn = get_transaction()
        assert txn is not None
        txn.set("name", step.name)

    def _act(self, step: Step) -> str:
        self._begin(step)
        for part in step.within:
            self._do(part)
        if step.fails:
            raise BoomError
        return step.name

    async def _act_async(self, step: Step) -> str:
        self._begin(step)
        for part in step.within:
            await self._do_async(part)
        if step.fails:
            raise BoomError
        return step.name

    def _options(self, block: Block) -> dict[str, Any]:
        return {"key": block.key, "commit_mode": block.mode, "store": ResultStore(self.shelf)}

    def _do(self, part: Part) -> None:
        if isinstance(part, Step):
            self.task(part)
            return
        with transaction(**self._options(part)) as txn:
            if txn.is_committed():
                return
            for inner in part.parts:
                self._do(inner)
            if part.fails:
                raise BoomError

    async def _do_async(self, part: Part) -> None:
        if isinstance(part, Step):
            await self.task(part)
            return
        async with atransaction(**self._options(part)) as txn:
            if txn.is_committed():
                return
            for inner in part.parts:
                await self._do_async(inner)
            if part.fails:
                raise BoomError


@dataclass
class _Node:
    part: Part
    parent: _Node | None
    mode: str
    children: list[_Node] = field(default_factory=list)
    staged: bool = False
    over: bool = False


class Model:
    """Says in the simplest way what should happen."""

    def __init__(self) -> None:
        self.stored: set[str] = set()
        self.events: list[str] = []

    def run(self, *program: Part) -> list[str]:
        """Give what should happen, in order."""
        self.events = []
        for part in program:
            try:
                self._do(part, None)
            except BoomError:
                self.events.append("raised")
        return self.events

    def _do(self, part: Part, parent: _Node | None) -> None:
        if self._key(part) in self.stored:
            return
        around = "LAZY" if parent is None else parent.mode
        node = _Node(part, parent, around if isinstance(part, Step) else part.mode or around)
        if isinstance(part, Step):
            self.events.append(f"run {part.name}")
        try:
            for inner in part.within if isinstance(part, Step) else part.parts:
                self._do(inner, node)
            if part.fails:
                raise BoomError
        except BoomError:
            self._undo(node)
            raise
        node.staged = True
        if node.mode == "EAGER":
            self._commit(node)
        elif parent is not None:
            parent.children.append(node)
        elif node.mode == "OFF":
            self._undo(node)
        else:
            self._commit(node)

    @staticmethod
    def _key(part: Part) -> str | None:
        return part.key if isinstance(part, Block) else part.name if part.cached else None

    def _commit(self, node: _Node) -> None:
        for child in node.children:
            if not child.over:
                self._commit(child)
        node.over = True
        if (key := self._key(node.part)) is not None:
            self.stored.add(key)
        if isinstance(node.part, Step):
            self.events.append(f"commit {node.part.name}")

    def _undo(self, node: _Node) -> None:
        if node.over:
            return
        node.over = True
        if node.staged and isinstance(node.part, Step):
            self.events.append(f"undo {node.part.name}")
        for child in reversed(node.children):
            self._undo(child)
