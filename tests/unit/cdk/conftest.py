"""The stacks of every stage, synthesized once, with a stand-in for the functions' code."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cdk.stages import AgentSettings, DatabaseSettings, FunctionSettings, NetworkSettings, Stage, find_stage

DIGEST = "0" * 64
OPTIONS = Stage(
    "options",
    network=NetworkSettings(nat_gateways=2, flow_logs=True),
    database=DatabaseSettings(proxy=True),
    functions=FunctionSettings(api_concurrency=500),
    agents=AgentSettings(spot=True),
    alarm_email="somebody@example.com",
)
"""A stage with all that is optional, and that no stage of ours has together."""


@dataclass(frozen=True)
class Synthesized:
    """What the app made of a stage.

    Attributes:
        folder: Where the templates lie.
        templates: By the names of the stacks.
    """

    folder: Path
    templates: Mapping[str, dict[str, Any]]

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """Give the properties of all resources of a type, in all stacks."""
        return [
            resource.get("Properties", {})
            for template in self.templates.values()
            for resource in template["Resources"].values()
            if resource["Type"] == kind
        ]


@pytest.fixture(scope="session")
def synthesize(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str], Synthesized]:
    """A function that gives the templates of a stage; cdk-nag raises where it finds fault with one."""
    if shutil.which("node") is None:
        pytest.skip("the CDK needs Node.js")
    patch = pytest.MonkeyPatch()
    request.addfinalizer(patch.undo)
    patch.setenv("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")
    code = tmp_path_factory.mktemp("code")
    (code / "handlers.py").write_text("")

    @cache
    def make(name: str) -> Synthesized:
        return _synthesize(name, code, tmp_path_factory.mktemp(name))

    return make


def _synthesize(name: str, code: Path, folder: Path) -> Synthesized:
    from aws_cdk import App, Validations
    from cdk_nag import AwsSolutionsChecks

    from cdk.app import add_stacks
    from cdk.assets import FunctionsCode

    app = App(outdir=str(folder), analytics_reporting=False)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    add_stacks(app, OPTIONS if name == OPTIONS.name else find_stage(name), FunctionsCode(code, DIGEST))
    return Synthesized(folder, {stack.stack_name: stack.template for stack in app.synth().stacks})
