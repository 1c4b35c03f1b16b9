"""Artifacts: made in a run under an agent and in one by hand, and found by key, by run and by command."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

from tests.e2e.stack import Stack

SOURCE = """
    import sys

    from alisio import flow, task
    from alisio.artifacts import (
        Artifact, create_link_artifact, create_markdown_artifact, create_progress_artifact, create_table_artifact,
        update_progress_artifact
    )

    @task
    def report(key: str, title: str):
        create_table_artifact([{"title": title, "rows": 2}])
        create_markdown_artifact(f"# {title}", key=key, description="of the day")
        large = f"{title} " * 100_000
        create_link_artifact(large, key=f"{key}-large")
        assert Artifact.get(f"{key}-large").data == f"[{large}]({large})"
        return Artifact.get(key).data

    @flow(log_prints=True)
    def main(key: str, title: str, then: str = ""):
        progress = create_progress_artifact(0)
        print("read back:", report(key, title))
        for percent in range(0, 101, 10):
            update_progress_artifact(progress, percent)
        if then == "fail":
            raise ValueError("no more")

    if __name__ == "__main__":
        main(sys.argv[1], "by hand")
"""


def test_artifacts_of_runs(stack: Stack) -> None:
    """They are stored when the run has ended, whatever became of it; the versions of a key are kept over runs."""
    key = f"report-{uuid.uuid4().hex}"
    deployed = stack.deploy(SOURCE)
    stack.start_agent()

    first = stack.run(deployed, "--param", f"key={key}", "--param", "title=first")
    stack.wait_for_run(first, "COMPLETED")
    second = stack.run(deployed, "--param", f"key={key}", "--param", "title=second", "--param", "then=fail")
    stack.wait_for_run(second, "FAILED")
    script = [sys.executable, str(stack.write("script.py", SOURCE)), key]
    subprocess.run(script, env=stack.backend.environment, capture_output=True, timeout=60, check=True)

    assert "read back: # first" in stack.logs(first)
    assert "read back: # second" in stack.logs(second)
    query = {"filter": {"flow_run_ids": [first]}, "sort": "created_asc", "with_data": True}
    made = {each["type"]: each for each in stack.api.post("/artifacts/filter", query)["items"]}
    assert {"progress", "table", "markdown", "link"} == made.keys()
    assert (None, True) == (made["link"]["data"], made["link"]["data_id"] is not None)
    assert (100.0, [{"title": "first", "rows": 2}]) == (made["progress"]["data"], made["table"]["data"])
    [task_run] = stack.task_runs(first)
    assert (task_run["id"], None) == (made["markdown"]["task_run_id"], made["progress"]["task_run_id"])

    versions = json.loads(stack.cli("artifact", "inspect", key, "--output", "json").out)
    assert ["# by hand", "# second", "# first"] == [each["data"] for each in versions]
    assert [second, first] == [each["flow_run_id"] for each in versions[1:]]
    assert "# by hand" == stack.api.get(f"/artifacts/key/{key}")["data"]

    large = json.loads(stack.cli("artifact", "inspect", f"{key}-large", "--output", "json").out)
    texts = [f"{title} " * 100_000 for title in ("by hand", "second", "first")]
    assert [f"[{text}]({text})" for text in texts] == [each["data"] for each in large]

    stack.cli("flow-run", "delete", first)
    assert 2 == stack.api.post("/artifacts/count", {"keys": [key]})["count"]
    stack.cli("artifact", "delete", key)
    assert "artifact_not_found" == stack.api.get(f"/artifacts/key/{key}", status=404)["code"]
