"""The Python blocks of a folder of Markdown, made to import `alisio`."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^(?P<indent> *)```python(?P<info>[^\n]*)\n(?P<body>.*?)^ *```+[ \t]*$", re.DOTALL | re.MULTILINE | re.IGNORECASE
)
IMPORT = re.compile(r"^(\s*(?:>>> )?(?:from|import)\s+)prefect(?=[.\s,]|$)", re.MULTILINE)
MODULE = re.compile(r"(?<![\"'\w.@/-])prefect\.(?=[a-z_])")
SETTING = re.compile(r"\bPREFECT_(?=[A-Z])")
MAIN = re.compile(r"^if __name__ *== *[\"']__main__[\"'] *:", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One example.

    Attributes:
        page: Its page below the folder, without its ending.
        number: Its place among the examples of the page, from 1.
        file_name: The file that it is written to. Those that carry a name in their fence keep it.
        source: The code, made to import `alisio`.
    """

    page: str
    number: int
    file_name: str
    source: str

    @property
    def label(self) -> str:
        return f"{self.page}:{self.number}"

    @property
    def only_defines(self) -> bool:
        """Whether running it makes functions and classes, and calls none of them."""
        return all(_defines(statement) for statement in ast.parse(self.source).body)


def pages(folder: Path, only: str = "") -> dict[str, list[Block]]:
    """Read the examples of all pages below a folder.

    Args:
        folder: Holds `.md` and `.mdx` files, at any depth.
        only: Part of the path of the pages that are wanted.

    Returns:
        The blocks of each page that has some, by page.
    """
    found = {}
    for path in sorted((*folder.rglob("*.md"), *folder.rglob("*.mdx"))):
        page = path.relative_to(folder).with_suffix("").as_posix()
        if only in page and (blocks := blocks_of(page, path.read_text())):
            found[page] = blocks
    return found


def blocks_of(page: str, text: str) -> list[Block]:
    """Read the examples of one page."""
    found = []
    for number, match in enumerate(FENCE.finditer(text), start=1):
        named = re.search(r"([\w./-]+\.py)\b", match["info"])
        found.append(
            Block(
                page=page,
                number=number,
                file_name=Path(named[1]).name if named else f"example_{number}.py",
                source=for_alisio(textwrap.dedent(match["body"])),
            )
        )
    return found


def for_alisio(source: str) -> str:
    """Change what names Prefect's package in a piece of code: imports, settings, and uses of the module itself.

    All else stays, so that `PrefectFuture` and the like are tried as their users write them.
    """
    if re.search(r"^\s*import\s+prefect\b", source, re.MULTILINE):
        source = MODULE.sub("alisio.", source)
    return SETTING.sub("ALISIO_", _without_prompts(IMPORT.sub(r"\1alisio", source)))


def without_main(source: str) -> str:
    """Give a block as a later one builds upon it: what it does as a program is left out."""
    return MAIN.sub("if False:", source)


def program(source: str) -> str:
    """Give the block as a program: what awaits at its top level, as in a notebook, is put into a coroutine.

    Raises:
        SyntaxError: It is no program.
    """
    tree = ast.parse(source)
    awaiting = [statement for statement in tree.body if _awaits(statement)]
    if not awaiting:
        return source
    compile(source, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    parts = ["import asyncio"]
    for statement in tree.body:
        code = ast.get_source_segment(source, statement) or ""
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            decorators = (ast.get_source_segment(source, each) for each in statement.decorator_list)
            code = "".join(f"@{each}\n" for each in decorators) + code
        parts.append(_in_coroutine(statement) if statement in awaiting else code)
    return "\n".join(parts) + "\n"


def _awaits(statement: ast.AST) -> bool:
    """Say whether it awaits outside of functions."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return False
    kinds = (ast.Await, ast.AsyncFor, ast.AsyncWith)
    return isinstance(statement, kinds) or any(_awaits(child) for child in ast.iter_child_nodes(statement))


def _in_coroutine(statement: ast.stmt) -> str:
    stored = sorted({n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)})
    told = f"global {', '.join(stored)}\n" if stored else ""
    body = textwrap.indent(told + ast.unparse(statement), "    ")
    return f"async def __awaits__():\n{body}\nasyncio.run(__awaits__())"


def _without_prompts(source: str) -> str:
    """Give what an interpreter's session was told, if the code is one; what it answered is left out."""
    lines = source.splitlines()
    if not any(line.lstrip().startswith(">>> ") for line in lines):
        return source
    told = (line.lstrip() for line in lines)
    return "\n".join(line[4:] for line in told if line.startswith((">>>", "..."))) + "\n"


def _defines(statement: ast.stmt) -> bool:
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return isinstance(statement, kinds) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
