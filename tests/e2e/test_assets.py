"""Assets: materialized under an agent and by hand, with a lineage that goes over both."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

from tests.e2e.stack import Stack

SOURCE = """
    import sys

    from alisio import flow, task
    from alisio.assets import Asset, AssetProperties, add_asset_metadata, materialize

    @task
    def parse(text: str) -> list[str]:
        return text.split()

    @flow
    def main(lake: str, fails: bool = False):
        raw = Asset(f"{lake}/raw", AssetProperties(name="Raw", owners=["me"]))

        @materialize(raw, by="curl")
        def extract() -> str:
            raw.add_metadata({"words": 2})
            return "two words"

        @materialize(f"{lake}/clean", asset_deps=["sftp://feed/daily.csv"])
        def clean(words: list[str]):
            if fails:
                raise ValueError("unclean")
            add_asset_metadata(f"{lake}/clean", {"words": len(words)})

        clean(parse(extract()))

    @flow
    def by_hand(lake: str):
        @materialize(f"{lake}/report", asset_deps=[f"{lake}/clean"])
        def report(): ...

        report()

    if __name__ == "__main__":
        by_hand(sys.argv[1])
"""


def test_assets_of_runs(stack: Stack) -> None:
    """Each run's materializations are there with how they went, and what was made from what is known over all runs."""
    lake = f"s3://lake-{uuid.uuid4().hex}"
    deployed = stack.deploy(SOURCE)
    stack.start_agent()
    good = stack.run(deployed, "--param", f"lake={lake}")
    stack.wait_for_run(good, "COMPLETED")
    bad = stack.run(deployed, "--param", f"lake={lake}", "--param", "fails=true")
    stack.wait_for_run(bad, "FAILED")
    script = [sys.executable, str(stack.write("script.py", SOURCE)), lake]
    subprocess.run(script, env=stack.backend.environment, capture_output=True, timeout=60, check=True)

    listed = json.loads(stack.cli("asset", "ls", "--prefix", f"{lake}/", "--output", "json").out)
    assert [f"{lake}/clean", f"{lake}/raw", f"{lake}/report"] == [each["key"] for each in listed]
    assert [False, True, True] == [each["last"]["succeeded"] for each in listed]
    assert ("Raw", ["me"], "curl", {"words": 2}) == (
        listed[1]["properties"]["name"],
        listed[1]["properties"]["owners"],
        listed[1]["last"]["by"],
        listed[1]["last"]["metadata"],
    )
    made = stack.api.post("/assets/materializations/filter", {"filter": {"asset_keys": [f"{lake}/clean"]}})["items"]
    assert [(bad, False, {}), (good, True, {"words": 2})] == [
        (each["flow_run_id"], each["succeeded"], each["metadata"]) for each in made
    ]
    lineage = json.loads(stack.cli("asset", "lineage", f"{lake}/report", "--output", "json").out)
    edges = {(edge["upstream"].removeprefix(lake), edge["downstream"].removeprefix(lake)) for edge in lineage["edges"]}
    assert {("/raw", "/clean"), ("sftp://feed/daily.csv", "/clean"), ("/clean", "/report")} == edges
