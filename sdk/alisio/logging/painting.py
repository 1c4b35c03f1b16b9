"""Painting log lines by highlighters and styles, which takes rich; it loads when a handler has styles."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.theme import Theme

from alisio.logging.highlighters import ConsoleHighlighter


def painted(line: str, highlighter: Any, styles: Mapping[str, str]) -> str:
    """Paint a line.

    Args:
        line: The line; the colours that it has stay where no style is laid over them.
        highlighter: A class of highlighters, or an object of one; None: `ConsoleHighlighter`.
        styles: The styles by name; names without one are not painted.
    """
    chosen = highlighter or ConsoleHighlighter
    text = Text.from_ansi(line)
    (chosen() if isinstance(chosen, type) else chosen).highlight(text)
    console = Console(file=StringIO(), force_terminal=True, color_system="standard", theme=Theme(styles), width=10_000)
    with console.capture() as capture:
        console.print(text, soft_wrap=True, end="")
    return capture.get()
