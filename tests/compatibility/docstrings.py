"""Write the Python blocks in the docstrings of a source archive as pages: `... docstrings ARCHIVE FOLDER`."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import tarfile
from pathlib import Path

HOLDERS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
MADE = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
INSIDE = re.compile(r"_(?!_init__)|server$")
"""Folders and modules that users do not import from."""

FENCE = re.compile(r"^ *(```python[^\n]*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def page_of(module: str, source: str) -> str:
    """Give the Python blocks of all docstrings of a module, as Markdown.

    Args:
        module: Its dotted name. What it defines, and a block uses without importing it, is imported from there.
        source: Its code.
    """
    tree = ast.parse(source)
    defined = {node.name for node in tree.body if isinstance(node, MADE)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, HOLDERS) and (text := ast.get_docstring(node)):
            for fence, body in FENCE.findall(text):
                code = inspect.cleandoc("\n" + body)
                found.append(f"{fence}\n{_imports(module, defined, code)}{code}\n```")
    return "\n\n".join(found)


def _imports(module: str, defined: set[str], code: str) -> str:
    """Give the line that imports what a block uses of its own module."""
    code = re.sub(r"#.*", "", code)
    told = [line for line in code.splitlines() if not re.match(r"\s*(?:from|import)\s", line)]
    given = " ".join(line for line in code.splitlines() if line not in told)
    names = {name for name in defined if re.search(rf"(?<![\w.]){name}(?!\w)", "\n".join(told))}
    names -= {name for name in names if re.search(rf"\b{name}\b", given) or re.search(rf"(?:def|class) {name}\b", code)}
    return f"from {module} import {', '.join(sorted(names))}\n" if names else ""


def main() -> None:
    """Write a page for each public module that has such blocks."""
    parser = argparse.ArgumentParser(prog="python -m tests.compatibility.docstrings", description=__doc__)
    parser.add_argument("archive", type=Path, help="the source distribution, a .tar.gz")
    parser.add_argument("folder", type=Path, help="where to write the pages")
    options = parser.parse_args()
    with tarfile.open(options.archive) as archive:
        for member in archive:
            _, _, path = member.name.partition("/src/")
            parts = Path(path.removesuffix(".py")).parts
            if not path.endswith(".py") or any(INSIDE.match(part) for part in parts):
                continue
            reader = archive.extractfile(member)
            module = ".".join(part for part in parts if part != "__init__")
            if reader and (text := page_of(module, reader.read().decode())):
                target = options.folder / Path(path).with_suffix(".md")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(f"# {module}\n\n{text}\n")


if __name__ == "__main__":
    main()
