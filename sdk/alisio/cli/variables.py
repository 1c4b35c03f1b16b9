"""`alisio variable`: small values that flows and people share by name."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from alisio.cli.options import Output, OutputOption, TagOption, example

app = typer.Typer(name="variable", help="Set, read and remove variables.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The variable's name.")]


@app.command("ls", epilog=example("alisio variable ls", "alisio variable ls --tag prod --output json"))
def list_variables(
    tag: TagOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, by name.")] = 100,
    output: OutputOption = Output.TABLE,
) -> None:
    """List variables."""
    from alisio.cli.rendering import json_line, local_time, show_rows
    from alisio.cli.session import read_pages, session
    from alisio.contract.variables import VariableFilter, VariableQuery

    which = VariableFilter(tags=tag or None)
    with session() as client:
        found = read_pages(
            lambda size, cursor: client.filter_variables(VariableQuery(filter=which, limit=size, cursor=cursor)), limit
        )
    rows = [(each.name, json_line(each.value), ", ".join(each.tags), local_time(each.updated)) for each in found]
    show_rows(found, ("name", "value", "tags", "updated"), rows, output)


@app.command("get", epilog=example("alisio variable get answer"))
def get(name: NameArgument) -> None:
    """Show the value of a variable: a text as it is, anything else as JSON."""
    from alisio.cli.rendering import show_json
    from alisio.cli.session import session

    with session() as client:
        value = client.read_variable(name).value
    if isinstance(value, str):
        typer.echo(value)
    else:
        show_json(value)


@app.command("inspect", epilog=example("alisio variable inspect answer --output json"))
def inspect(name: NameArgument, output: OutputOption = Output.TABLE) -> None:
    """Show a variable whole."""
    from alisio.cli.rendering import json_line, show_model
    from alisio.cli.session import session

    with session() as client:
        variable = client.read_variable(name)
    show_model(variable, output, value=[json_line(variable.value)])


@app.command(
    "set",
    epilog=example("alisio variable set answer 42", "alisio variable set crew '[\"Ada\"]' --overwrite --tag prod"),
)
def set_(
    name: NameArgument,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What is JSON is read as JSON, anything else as text.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Change one that is there.")] = False,
    tag: TagOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give a variable its value."""
    from alisio.cli.rendering import show_model
    from alisio.cli.session import session
    from alisio.contract.variables import VariableSet

    request = VariableSet(name=name, value=_read(value), tags=tag or [], overwrite=overwrite)
    with session() as client:
        variable = client.set_variable(request)
    if output is Output.JSON:
        show_model(variable, output)
    else:
        typer.echo(f"set variable {name}")


@app.command("unset", epilog=example("alisio variable unset answer"))
def unset(name: NameArgument) -> None:
    """Remove a variable."""
    _remove(name)


@app.command("delete", epilog=example("alisio variable delete answer"))
def delete(name: NameArgument) -> None:
    """Remove a variable, as `unset` does."""
    _remove(name)


def _remove(name: str) -> None:
    from alisio.cli.session import session

    with session() as client:
        client.delete_variable(name)
    typer.echo(f"removed variable {name}")


def _read(text: str) -> object:
    try:
        value: object = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)
