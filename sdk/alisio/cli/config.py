"""`alisio config`: the settings that hold, and those of the active profile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from alisio.cli.errors import CommandError
from alisio.cli.options import Output, OutputOption, example

if TYPE_CHECKING:
    from alisio.settings import SettingValue

app = typer.Typer(name="config", help="Look at settings, and keep them in the active profile.", no_args_is_help=True)

# Up to the last `@`, as a password that was not percent-encoded may hold anything, an `@` and a `/` too.
_PASSWORD = re.compile(r"(:/+[^:/@]*):.*@")
_PASSWORD_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&]*")


@app.command("set", epilog=example("alisio config set ALISIO_API_URL=http://127.0.0.1:4200/api"))
def set_values(
    pairs: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="Settings and their values.")],
) -> None:
    """Keep settings in the active profile."""
    from alisio.settings import set_profile_values

    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise CommandError(f"{pair!r} must be NAME=VALUE, such as ALISIO_LOGGING_LEVEL=DEBUG")
        values[name.strip()] = value.strip()
    profile = set_profile_values(values)
    typer.echo(f"set {', '.join(values)} in profile {profile}")


@app.command("unset", epilog=example("alisio config unset ALISIO_API_URL"))
def unset_values(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Settings to take out.")],
) -> None:
    """Take settings out of the active profile."""
    from alisio.settings import unset_profile_values

    profile = unset_profile_values(names)
    typer.echo(f"unset {', '.join(names)} in profile {profile}")


@app.command("view", epilog=example("alisio config view", "alisio config view --output json"))
def view(output: OutputOption = Output.TABLE) -> None:
    """Show every setting, its value, and where the value comes from."""
    from alisio.cli.rendering import show_json, show_table
    from alisio.settings import read_values

    values = list(read_values().values())
    rows = [(value.setting.name, _without_secret(value), value.source, value.setting.doc) for value in values]
    if output is Output.JSON:
        show_json([{"name": name, "value": text, "source": source} for name, text, source, _ in rows])
    else:
        show_table(("name", "value", "source", "meaning"), rows)


def _without_secret(found: SettingValue) -> str | None:
    value = found.value
    if value and found.setting.name == "ALISIO_API_KEY":
        from alisio.contract.access import mask_key

        return mask_key(value)
    if value is None:
        return None
    return _PASSWORD_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", value))
