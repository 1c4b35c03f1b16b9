"""The app that `cdk` runs: the stacks of one stage, chosen with `-c stage=…`.

Other context: `database_url`, for a stage that makes no database itself, and `alarm_email`.
"""

from __future__ import annotations

import os
import sys

from aws_cdk import App, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from cdk.assets import AssetError, FunctionsCode, build_functions
from cdk.authorities import check_region
from cdk.constructs.database import DatabaseAccess
from cdk.constructs.functions import Surroundings
from cdk.stacks.agents import AgentsStack
from cdk.stacks.core import CoreStack
from cdk.stacks.database import DatabaseStack
from cdk.stacks.network import NetworkStack
from cdk.stacks.ui import UiStack
from cdk.stages import Stage, find_stage

DEFAULT_STAGE = "dev"


def add_stacks(app: App, stage: Stage, code: FunctionsCode) -> None:
    """Add the stacks of a stage. They name no account and no region: they are the same for all of them.

    Args:
        app: What they are added to.
        stage: Whose they are.
        code: The code of the functions.
    """
    Tags.of(app).add("alisio:stage", stage.name)
    network = NetworkStack(app, stage, stage.network).network if stage.network else None
    if stage.database is not None and network is not None:
        database = DatabaseStack(app, stage, stage.database, network).database.access
    else:
        database = DatabaseAccess({"ALISIO_API_DATABASE_CONNECTION_URL": stage.database_url or ""})
    core = CoreStack(app, Surroundings(stage, code, network, database))
    if stage.agents is not None and network is not None:
        AgentsStack(app, stage, stage.agents, network=network, core=core)
    if stage.ui:
        UiStack(app, stage, core.api)


def main() -> int:
    """Write the templates of the stage that the context names."""
    app = App()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    context = app.node.try_get_context
    try:
        stage = find_stage(
            context("stage") or DEFAULT_STAGE,
            database_url=context("database_url"),
            alarm_email=context("alarm_email"),
        )
        # The CDK tells it where there are credentials.
        if stage.database is not None and (region := os.environ.get("CDK_DEFAULT_REGION")):
            check_region(region)
        code = build_functions(stage.functions.architecture)
    except (ValueError, AssetError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    add_stacks(app, stage, code)
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
