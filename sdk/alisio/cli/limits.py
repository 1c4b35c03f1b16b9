"""`alisio gcl` and `alisio concurrency-limit`: named limits, and those of tasks with a tag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alisio.cli.errors import CommandError
from alisio.cli.options import Output, OutputOption, YesOption, example

if TYPE_CHECKING:
    from alisio.client import Client
    from alisio.contract.limits import ConcurrencyLimit, ConcurrencyLimitPatch

app = typer.Typer(
    name="gcl",
    help="Named limits of concurrency and rate, which `concurrency` and `rate_limit` take slots of.",
    no_args_is_help=True,
)
tags_app = typer.Typer(
    name="concurrency-limit", help="Limits on how many tasks with a tag run at once.", no_args_is_help=True
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The limit's name.")]
TagArgument = Annotated[str, typer.Argument(metavar="TAG", help="The tag of the tasks.")]
LimitOption = Annotated[int | None, typer.Option("--limit", "-l", min=0, help="How many slots there are.")]
DecayOption = Annotated[
    float | None, typer.Option(min=0, help="How many slots come back a second: above 0 it is a limit of rate.")
]
_ALL = 10_000


@app.command("create", epilog=example("alisio gcl create database --limit 5"))
def create(
    name: NameArgument,
    limit: Annotated[int, typer.Option("--limit", "-l", min=0, help="How many slots there are.")],
    slot_decay_per_second: DecayOption = None,
    disable: Annotated[bool, typer.Option("--disable", help="It holds only once it is enabled.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Create a named limit."""
    made = _create(name, limit, slot_decay_per_second or 0.0, not disable)
    _show_created(made, output)


@app.command("ls", epilog=example("alisio gcl ls"))
def list_limits(output: OutputOption = Output.TABLE) -> None:
    """List named limits, those on tags among them."""
    _show_listing(None, output)


@app.command("inspect", epilog=example("alisio gcl inspect database"))
def inspect(name: NameArgument, output: OutputOption = Output.TABLE) -> None:
    """Show a named limit, and who holds slots of it."""
    _show_one(name, output)


@app.command("update", epilog=example("alisio gcl update database --limit 10", "alisio gcl update database --disable"))
def update(
    name: NameArgument,
    limit: LimitOption = None,
    slot_decay_per_second: DecayOption = None,
    enable: Annotated[bool, typer.Option("--enable", help="It holds from now on.")] = False,
    disable: Annotated[bool, typer.Option("--disable", help="It does not hold any more.")] = False,
) -> None:
    """Change a named limit."""
    from alisio.contract.limits import ConcurrencyLimitPatch

    if enable and disable:
        raise CommandError("give --enable or --disable, not both")
    given = {"limit": limit, "slot_decay_per_second": slot_decay_per_second, "active": enable or None}
    said = {key: value for key, value in given.items() if value is not None} | ({"active": False} if disable else {})
    if not said:
        raise CommandError(f"nothing is said of {name!r}: give --limit, --slot-decay-per-second, --enable or --disable")
    _change(name, ConcurrencyLimitPatch.model_validate(said))
    typer.echo(f"changed concurrency limit {name}")


@app.command("enable", epilog=example("alisio gcl enable database"))
def enable(name: NameArgument) -> None:
    """Let a named limit hold."""
    from alisio.contract.limits import ConcurrencyLimitPatch

    _change(name, ConcurrencyLimitPatch(active=True))
    typer.echo(f"enabled concurrency limit {name}")


@app.command("disable", epilog=example("alisio gcl disable database"))
def disable(name: NameArgument) -> None:
    """Let a named limit not hold: nobody waits for it any more."""
    from alisio.contract.limits import ConcurrencyLimitPatch

    _change(name, ConcurrencyLimitPatch(active=False))
    typer.echo(f"disabled concurrency limit {name}")


@app.command("reset", epilog=example("alisio gcl reset database"))
def reset(name: NameArgument) -> None:
    """Give all slots of a named limit back, though their holders go on."""
    _reset(name)
    typer.echo(f"reset concurrency limit {name}")


@app.command("delete", epilog=example("alisio gcl delete database --yes"))
def delete(name: NameArgument, yes: YesOption = False) -> None:
    """Delete a named limit."""
    if not yes:
        typer.confirm(f"Delete the concurrency limit {name!r}?", abort=True)
    _delete(name)
    typer.echo(f"deleted concurrency limit {name}")


@tags_app.command("create", epilog=example("alisio concurrency-limit create database 10"))
def create_for_tag(
    tag: TagArgument,
    limit: Annotated[int, typer.Argument(metavar="N", min=0, help="How many tasks at once; 0: none may run.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Limit how many tasks with a tag run at once."""
    _show_created(_create(_of(tag), limit, 0.0, True), output)


@tags_app.command("ls", epilog=example("alisio concurrency-limit ls"))
def list_of_tags(output: OutputOption = Output.TABLE) -> None:
    """List the limits on tags."""
    from alisio.contract.tag_limits import TAG_PREFIX

    _show_listing(TAG_PREFIX, output)


@tags_app.command("inspect", epilog=example("alisio concurrency-limit inspect database"))
def inspect_tag(tag: TagArgument, output: OutputOption = Output.TABLE) -> None:
    """Show the limit on a tag, and which task runs hold slots of it."""
    _show_one(_of(tag), output)


@tags_app.command("reset", epilog=example("alisio concurrency-limit reset database"))
def reset_tag(tag: TagArgument) -> None:
    """Give all slots of the limit on a tag back, though the tasks go on."""
    _reset(_of(tag))
    typer.echo(f"reset the concurrency limit of tag {tag}")


@tags_app.command("delete", epilog=example("alisio concurrency-limit delete database"))
def delete_of_tag(tag: TagArgument) -> None:
    """Take the limit on a tag away."""
    _delete(_of(tag))
    typer.echo(f"deleted the concurrency limit of tag {tag}")


def _of(tag: str) -> str:
    from alisio.contract.tag_limits import TAG_PREFIX

    return f"{TAG_PREFIX}{tag}"


def _create(name: str, limit: int, decay: float, active: bool) -> ConcurrencyLimit:
    from pydantic import ValidationError

    from alisio.cli.session import session
    from alisio.contract.base import first_problem
    from alisio.contract.limits import ConcurrencyLimitCreate

    try:
        request = ConcurrencyLimitCreate(name=name, limit=limit, slot_decay_per_second=decay, active=active)
    except ValidationError as error:
        place, reason = first_problem(error.errors())
        raise CommandError(f"the {place} {name!r} cannot be used: {reason}") from error
    with session() as client:
        return client.create_global_concurrency_limit(request)


def _change(name: str, patch: ConcurrencyLimitPatch) -> None:
    from alisio.cli.session import session

    with session() as client:
        client.update_global_concurrency_limit(name, patch)


def _reset(name: str) -> None:
    from alisio.cli.session import session

    with session() as client:
        client.reset_global_concurrency_limit(name)


def _delete(name: str) -> None:
    from alisio.cli.session import session

    with session() as client:
        client.delete_global_concurrency_limit_by_name(name)


def _read(client: Client, prefix: str | None) -> list[ConcurrencyLimit]:
    from alisio.cli.session import read_pages

    return read_pages(lambda limit, cursor: client.list_global_concurrency_limits(prefix, limit, cursor), _ALL)


def _show_created(made: ConcurrencyLimit, output: Output) -> None:
    from alisio.cli.rendering import show_model

    if output is Output.JSON:
        show_model(made, output)
        return
    decay = f", {made.slot_decay_per_second:g} back a second" if made.slot_decay_per_second else ""
    typer.echo(f"created concurrency limit {made.name} with {made.limit} slots{decay}")


def _show_listing(prefix: str | None, output: Output) -> None:
    from alisio.cli.rendering import show_rows
    from alisio.cli.session import session

    with session() as client:
        limits = _read(client, prefix)
    rows = [(each.name, each.limit, each.active_slots, each.slot_decay_per_second, each.active) for each in limits]
    show_rows(limits, ("name", "limit", "in use", "decay per second", "active"), rows, output)


def _show_one(name: str, output: Output) -> None:
    from alisio.cli.rendering import local_time, show_model
    from alisio.cli.session import session

    with session() as client:
        found = client.read_global_concurrency_limit_by_name(name)
    lines = [
        f"{each.slots} by {'?' if each.holder is None else f'{each.holder.type} {each.holder.id}'}"
        f" since {local_time(each.since)}"
        for each in found.held
    ]
    show_model(found, output, held=lines)
