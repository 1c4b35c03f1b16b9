"""From exceptions to one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from alisio.exceptions import AlisioError


class CommandError(AlisioError):
    """A command was given something that it cannot use. Its text is one line: what, where, what to do."""


class OneLineGroup(TyperGroup):
    """The root of the commands: what a user can cause becomes one line, unless `--traceback` is given."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command.

        Raises:
            TyperException: It failed for a reason that one line says.
        """
        try:
            return super().invoke(ctx)
        except Exception as error:
            line = describe(error)
            if line is None or ctx.params.get("traceback"):
                raise
            raise typer.TyperException(line) from error


def describe(error: Exception) -> str | None:
    """Say an error in one line.

    Returns:
        The line; None where the error is none that a user can cause.
    """
    if isinstance(error, AlisioError):
        return " ".join(str(error).split())
    if isinstance(error, BrokenPipeError):
        return None
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}; check the path, its permissions and the disk"
    if type(error).__name__ == "ValidationError" and hasattr(error, "errors"):
        from alisio.contract.base import first_problem

        place, reason = first_problem(error.errors())
        return f"{place}: {reason}" if place else reason
    return None


def run(command: Any, arguments: list[str], name: str) -> int:
    """Run the program.

    Args:
        command: The root of the commands.
        arguments: What follows the program's name.
        name: The program's name, for its help.

    Returns:
        The exit code: 0, 1 for an error, 2 for a wrong command line, 130 after ctrl+c.
    """
    try:
        code = command.main(arguments, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except typer.Abort:
        typer.echo("error: not confirmed, so nothing was done; --yes asks nothing", err=True)
        return 1
    except typer.TyperException as error:
        text = error.format_message().replace(": Value error, ", ": ")
        context = getattr(error, "ctx", None)
        if "\n" in text:
            typer.echo(text, err=True)
        elif context is not None:
            typer.echo(f"error: {text.rstrip('.?')}; see `{context.command_path} --help`", err=True)
        else:
            typer.echo(f"error: {text}", err=True)
        return error.exit_code
    except BrokenPipeError:
        return 0
    except OSError as error:
        # What writes the help or the last of the output does so outside of the commands.
        typer.echo(f"error: {describe(error)}", err=True)
        return 1
    finally:
        _flush()
    return code if isinstance(code, int) else 0


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        # The reader is gone, or the disk is full; without this the interpreter tries again at its exit, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
