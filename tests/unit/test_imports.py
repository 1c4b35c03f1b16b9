"""Who may import whom, read from the source of every module (see docs/architecture.md)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSES = {
    "alisio": ROOT / "sdk" / "alisio",
    "alisio_server": ROOT / "functions" / "alisio_server",
    "alisio_agent": ROOT / "agent" / "alisio_agent",
    "handlers": ROOT / "functions" / "handlers",
    "cdk": ROOT / "cdk",
}
EMBEDDED_DOOR = "alisio.client.embedded"
STANDARD_LIBRARY_ONLY = (
    "alisio.contract.states",
    "alisio.contract.ids",
    "alisio.contract.asset_keys",
    "alisio.contract.json_values",
    "alisio.contract.names",
    "alisio.contract.retries",
    "alisio.contract.roles",
    "alisio.contract.tag_limits",
)


@dataclass(frozen=True)
class Import:
    """An import statement: who, whom, on which line, and whether it runs when the module is imported."""

    importer: str
    imported: str
    line: int
    at_module_level: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _modules() -> Iterator[tuple[str, Path]]:
    for house, folder in HOUSES.items():
        for path in sorted(folder.rglob("*.py")):
            if "node_modules" in path.parts:
                continue
            parts = (house, *path.relative_to(folder).with_suffix("").parts)
            yield ".".join(part for part in parts if part != "__init__"), path


def _is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _imports_of(module: str, tree: ast.Module) -> Iterator[Import]:
    at_module_level: set[ast.stmt] = set()
    type_only: set[ast.AST] = set()
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        node = todo.pop()
        at_module_level.add(node)
        if _is_type_checking(node):
            type_only.update(ast.walk(node))
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            todo.extend(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))
    for node in ast.walk(tree):
        if node in type_only:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, node in at_module_level)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield Import(module, node.module, node.lineno, node in at_module_level)


def _all_imports() -> list[Import]:
    found: list[Import] = []
    for module, path in _modules():
        found.extend(_imports_of(module, ast.parse(path.read_text(encoding="utf-8"))))
    return found


IMPORTS = _all_imports()


def _breaches(importer: str, *, may_not_import: tuple[str, ...], except_for: tuple[str, ...] = ()) -> list[str]:
    return [
        str(found)
        for found in IMPORTS
        if _within(found.importer, importer)
        and any(_within(found.imported, package) for package in may_not_import)
        and not any(_within(found.imported, package) for package in except_for)
    ]


def test_every_house_is_read() -> None:
    """The rules below look at real modules of all three packages."""
    assert set(HOUSES) == {found.importer.split(".")[0] for found in IMPORTS}


def test_the_contract_imports_nothing_of_ours() -> None:
    """The wire's models stand alone, so that server, SDK and agent can share them."""
    breaches = _breaches("alisio.contract", may_not_import=tuple(HOUSES), except_for=("alisio.contract",))
    assert [] == breaches


def test_the_server_imports_only_the_contract() -> None:
    """The server knows neither the SDK nor the agent."""
    breaches = _breaches("alisio_server", may_not_import=("alisio", "alisio_agent"), except_for=("alisio.contract",))
    assert [] == breaches


def test_handlers_import_only_the_server() -> None:
    """What Lambda calls is thin: it knows the server's code and the contract, and nobody knows it."""
    assert [] == _breaches("handlers", may_not_import=("alisio", "alisio_agent"), except_for=("alisio.contract",))
    assert [] == [str(found) for found in IMPORTS if found.imported.startswith("handlers")]


def test_the_sdk_opens_the_server_through_one_door_and_lazily() -> None:
    """Only `alisio.client.embedded` imports the server, and not when it is imported itself."""
    doors = [
        found for found in IMPORTS if _within(found.importer, "alisio") and _within(found.imported, "alisio_server")
    ]
    assert [] == [str(found) for found in doors if found.importer != EMBEDDED_DOOR or found.at_module_level]


def test_the_sdk_never_imports_the_agent() -> None:
    """The `agent start` command loads the agent by its name, so the SDK does not depend on it."""
    assert [] == _breaches("alisio", may_not_import=("alisio_agent",))


def test_the_agent_never_imports_the_server() -> None:
    """An agent knows the server by its API alone."""
    assert [] == _breaches("alisio_agent", may_not_import=("alisio_server",))


def test_the_supervisor_imports_the_standard_library_only() -> None:
    """The supervisor starts in any image with a Python, and no user's package can break it."""
    foreign = [
        str(found)
        for found in IMPORTS
        if _within(found.importer, "alisio_agent.supervisor")
        and found.imported.split(".")[0] not in sys.stdlib_module_names
        and not _within(found.imported, "alisio_agent.supervisor")
    ]
    assert [] == foreign


@pytest.mark.parametrize("module", STANDARD_LIBRARY_ONLY)
def test_what_the_decorators_need_of_the_contract_is_light(module: str) -> None:
    """The modules of the contract that load with the decorators import no pydantic."""
    foreign = [
        str(found)
        for found in IMPORTS
        if found.importer == module and found.imported.split(".")[0] not in sys.stdlib_module_names
    ]
    assert [] == foreign


def test_cdk_and_houses_are_apart() -> None:
    """No module of the product imports what deploys it, nor the other way round."""
    product = tuple(house for house in HOUSES if house != "cdk")
    assert [] == _breaches("cdk", may_not_import=product)
    assert [] == [breach for house in product for breach in _breaches(house, may_not_import=("aws_cdk", "cdk"))]
