"""`alisio cloud`: deploy Alisio to AWS, or to a local cloud on this machine, and log in to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alisio.cli.errors import CommandError
from alisio.cli.options import Output, OutputOption, YesOption, example

if TYPE_CHECKING:
    from alisio.cloud.deployment import StageDeployment

app = typer.Typer(name="cloud", help="Deploy Alisio to AWS, or to a local cloud on this machine.", no_args_is_help=True)

_PORT = 4566
StageOption = Annotated[str, typer.Option("--stage", "-s", help="Which installation: dev, prod or local.")]
AlarmEmailOption = Annotated[str | None, typer.Option(help="Who is told of alarms, by e-mail.")]
DatabaseUrlOption = Annotated[
    str | None, typer.Option(help="The database, for a stage that makes none itself, as `local` is.")
]


@app.command("deploy", epilog=example("alisio cloud deploy --stage dev --bootstrap"))
def deploy(
    stage: StageOption,
    bootstrap: Annotated[
        bool, typer.Option("--bootstrap", help="Prepare the account and region for the CDK, where nobody has.")
    ] = False,
    alarm_email: AlarmEmailOption = None,
    database_url: DatabaseUrlOption = None,
) -> None:
    """Deploy a stage, or bring one that is deployed to this version. What fails is rolled back."""
    _open(stage, alarm_email, database_url).deploy(bootstrap=bootstrap)
    typer.echo(f"stage {stage} is deployed; log in to it with `alisio cloud login --stage {stage}`")


@app.command("diff", epilog=example("alisio cloud diff --stage dev"))
def diff(stage: StageOption, alarm_email: AlarmEmailOption = None, database_url: DatabaseUrlOption = None) -> None:
    """Show what `deploy` would change. Exits with 1 where that is anything."""
    if _open(stage, alarm_email, database_url).differs():
        raise typer.Exit(1)


@app.command("destroy", epilog=example("alisio cloud destroy --stage dev"))
def destroy(stage: StageOption, database_url: DatabaseUrlOption = None, yes: YesOption = False) -> None:
    """Destroy the stacks of a stage; what the stage keeps, as `prod` keeps its data, stays behind."""
    deployment = _open(stage, None, database_url)
    if not yes:
        typer.confirm(f"All runs, deployments, logs and keys of stage {stage} are lost. Go on?", abort=True)
    deployment.destroy()
    typer.echo(f"stage {stage} is destroyed")


@app.command("status", epilog=example("alisio cloud status --stage dev", "alisio cloud status --stage dev -o json"))
def status(stage: StageOption, output: OutputOption = Output.TABLE) -> None:
    """Show the stacks of a stage, what is in them, and what that costs by the list prices."""
    from alisio.cli.cloud_status import show_status
    from alisio.cloud.aws import Aws

    show_status(Aws(), stage, output)


@app.command("outputs", epilog=example("alisio cloud outputs --stage dev", "alisio cloud outputs --stage dev -o json"))
def outputs(stage: StageOption, output: OutputOption = Output.TABLE) -> None:
    """Show what the stacks of a stage tell: addresses, names, ARNs."""
    from alisio.cli.rendering import show_facts
    from alisio.cloud.aws import Aws
    from alisio.cloud.stacks import read_outputs

    show_facts(read_outputs(Aws(), stage), output)


@app.command("login", epilog=example("alisio cloud login --stage dev"))
def login(stage: StageOption) -> None:
    """Keep a stage's address and its admin key, which your rights on AWS let you read, in the active profile."""
    from alisio.cloud.aws import Aws
    from alisio.cloud.login import read_access
    from alisio.settings import set_profile_values

    access = read_access(Aws(), stage)
    profile = set_profile_values({"ALISIO_API_URL": access.api_url, "ALISIO_API_KEY": access.api_key})
    typer.echo(f"profile {profile} is logged in to stage {stage} at {access.api_url}")


@app.command("verify", epilog=example("alisio cloud verify --stage dev"))
def verify(stage: StageOption, output: OutputOption = Output.TABLE) -> None:
    """Test on the real thing what no emulator can show. Exits with 1 where a test fails."""
    from alisio.cli.cloud_status import show_findings
    from alisio.cloud.aws import Aws
    from alisio.cloud.verification import verify_stage

    if not show_findings(verify_stage(Aws(), stage, _say), output):
        raise typer.Exit(1)


@app.command("up", epilog=example("alisio cloud up --local", 'eval "$(alisio cloud up --local)"'))
def up(
    local: Annotated[bool, typer.Option("--local", help="On this machine; `deploy` is for AWS.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where AWS answers; 0 takes a free one.")] = _PORT,
) -> None:
    """Start a cloud on this machine, deploy the stage `local` to it, and print the variables to set.

    ministack stands in for AWS. It runs until `alisio cloud down`, which leaves nothing of it.
    """
    from alisio.cloud.local.cloud import bring_up
    from alisio.settings import current_settings

    if not local:
        raise CommandError("`alisio cloud up` starts a cloud on this machine: say --local; AWS is for `deploy`")
    cloud, access = bring_up(current_settings().home, _say, port or None)
    variables = cloud.environment | {"ALISIO_API_URL": access.api_url, "ALISIO_API_KEY": access.api_key}
    for name, value in variables.items():
        typer.echo(f"export {name}={_quoted(value)}")


@app.command("down", epilog=example("alisio cloud down"))
def down() -> None:
    """End the cloud on this machine, and remove all that it kept."""
    from alisio.cloud.local.cloud import take_down
    from alisio.settings import current_settings

    typer.echo("the local cloud is gone" if take_down(current_settings().home) else "there is no local cloud")


def _open(stage: str, alarm_email: str | None, database_url: str | None) -> StageDeployment:
    from alisio.cloud.deployment import StageDeployment

    given = {"alarm_email": alarm_email, "database_url": database_url}
    return StageDeployment(stage, _say, {name: value for name, value in given.items() if value is not None})


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
