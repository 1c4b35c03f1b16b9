"""The commands `alisio` and `sdk`.

One module a group of commands. Modules of commands import only Typer and the standard library at their top, and
the rest inside the commands, so that `alisio --help` is there at once.
"""

from alisio.cli.main import main

__all__ = ["main"]
