"""`alisio variable`, `artifact`, `asset` and `event`, on the database itself."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.cli.conftest import Commands


def listed(commands: Commands, *arguments: str) -> Any:
    """Run a listing, and read it as JSON."""
    return json.loads(commands.run(*arguments, "--output", "json").out)


def run_flow(commands: Commands, code: str) -> None:
    """Run a flow by hand in the commands' home."""
    script = commands.folder / "flow.py"
    script.write_text("from alisio import flow\n" + textwrap.dedent(code))
    subprocess.run([sys.executable, str(script)], cwd=commands.folder, check=True, capture_output=True, timeout=60)


def test_a_variable_from_the_command_line(commands: Commands) -> None:
    """What is JSON is read as JSON; a text is shown as it is; one that is there is changed on request only."""
    assert "set variable answer\n" == commands.run("variable", "set", "answer", '{"a": [1]}', "--tag", "prod").out
    assert {"a": [1]} == json.loads(commands.run("variable", "get", "answer").out)
    assert "is there already" in commands.refused("variable", "set", "answer", "42")
    assert "answer" in commands.run("variable", "set", "answer", "forty two", "--overwrite").out
    assert "forty two\n" == commands.run("variable", "get", "answer").out

    assert [("answer", "forty two", [])] == [
        (each["name"], each["value"], each["tags"]) for each in listed(commands, "variable", "ls")
    ]
    assert [] == listed(commands, "variable", "ls", "--tag", "prod")
    assert '"forty two"' in commands.run("variable", "inspect", "answer").out
    assert "forty two" == listed(commands, "variable", "inspect", "answer")["value"]


@pytest.mark.parametrize("verb", ["unset", "delete"])
def test_a_variable_is_removed(commands: Commands, verb: str) -> None:
    """Both verbs do the same; one that is not there is said in one line."""
    commands.run("variable", "set", "answer", "42")

    assert "removed variable answer\n" == commands.run("variable", verb, "answer").out
    assert "there is no variable 'answer'" == commands.refused("variable", verb, "answer")
    assert "there is no variable 'answer'" == commands.refused("variable", "get", "answer")


def test_a_wrong_variable_is_one_line(commands: Commands) -> None:
    """The line says which part cannot be used."""
    assert "name: a variable's name has small letters" in commands.refused("variable", "set", "No-Name", "1")
    assert "value: may have 5,000 characters as JSON" in commands.refused("variable", "set", "long", "x" * 5_000)


def test_artifacts_are_listed_shown_and_removed(commands: Commands) -> None:
    """The latest of each key, or all; the versions of a key with their data; by key or by id."""
    code = """
        from alisio.artifacts import create_markdown_artifact, create_table_artifact

        @flow
        def showing():
            for number in range(2):
                create_markdown_artifact(f"# {number}", key="report", description="What\\nit is")
            create_table_artifact([{"a": 1}])

        showing()
    """
    run_flow(commands, code)

    assert ["report"] == [each["key"] for each in listed(commands, "artifact", "ls")]
    assert 3 == len(listed(commands, "artifact", "ls", "--all"))
    shown = commands.run("artifact", "ls").out
    assert "What" in shown
    assert "it is" not in shown
    versions = listed(commands, "artifact", "inspect", "report")
    assert ["# 1", "# 0"] == [each["data"] for each in versions]
    assert ["# 1"] == [each["data"] for each in listed(commands, "artifact", "inspect", "report", "--limit", "1")]
    assert "# 0" in commands.run("artifact", "inspect", "report").out

    assert 0 == commands.run("artifact", "delete", "--id", versions[0]["id"]).code
    assert 0 == commands.run("artifact", "delete", "report").code
    assert "there is no artifact with the key 'report'" in commands.refused("artifact", "delete", "report")
    assert "there is no artifact with the key 'report'" in commands.refused("artifact", "inspect", "report")
    assert "there is no artifact" in commands.refused("artifact", "delete", "--id", str(uuid4()))
    assert "name a key, or an artifact with --id" == commands.refused("artifact", "delete")


def test_assets_and_events_are_shown(commands: Commands) -> None:
    """What flows have made, from what, and what they have told that happened."""
    code = """
        from alisio.assets import Asset, AssetProperties, add_asset_metadata, materialize
        from alisio.events import emit_event

        @materialize(Asset("s3://b", AssetProperties(name="B", owners=["me"])), asset_deps=["pg://a"], by="dbt")
        def make():
            add_asset_metadata("s3://b", {"rows": 3})
            emit_event("table.made", {"alisio.resource.id": "s3://b"}, payload={"rows": 3})

        @flow
        def making():
            make()

        making()
    """
    run_flow(commands, code)

    assert ["pg://a", "s3://b"] == [each["key"] for each in listed(commands, "asset", "ls")]
    assert ["s3://b"] == [each["key"] for each in listed(commands, "asset", "ls", "--prefix", "s3")]
    assert "materialized" in commands.run("asset", "ls").out
    shown = commands.run("asset", "inspect", "s3://b").out
    assert 'name: "B"' in shown
    assert "pg://a" in shown
    assert '{"rows": 3}' in shown
    assert ["dbt"] == [each["by"] for each in listed(commands, "asset", "materializations", "s3://b")]
    assert '{"rows": 3}' in commands.run("asset", "materializations", "s3://b").out
    [edge] = listed(commands, "asset", "lineage", "pg://a")["edges"]
    assert ("pg://a", "s3://b") == (edge["upstream"], edge["downstream"])
    assert "s3://b" in commands.run("asset", "lineage", "pg://a").out

    [event] = listed(commands, "event", "ls", "--event", "table.", "--since", "1h")
    assert ("table.made", {"rows": 3}) == (event["event"], event["payload"])
    assert "table.made" in commands.run("event", "ls").out
    assert [] == listed(commands, "event", "ls", "--event", "none")

    assert "forgot asset s3://b\n" == commands.run("asset", "delete", "s3://b").out
    assert "there is no asset 's3://b'" in commands.refused("asset", "delete", "s3://b")
    assert "there is no asset 's3://b'" in commands.refused("asset", "inspect", "s3://b")
