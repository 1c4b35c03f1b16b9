"""Runs of deployments that end well: asking for them, their parameters, names, logs, and finding them again."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

from tests.e2e.flows import HELD, QUICK
from tests.e2e.stack import Stack


def test_a_manual_run_is_watched_to_its_end(stack: Stack) -> None:
    """`deployment run --watch` shows states and logs as they come, and ends with 0 when the run is COMPLETED."""
    deployed = stack.deploy(QUICK)
    stack.start_agent()

    watched = stack.cli("deployment", "run", deployed.address, "--watch")

    [run] = stack.runs()
    assert "COMPLETED" == run["state"]["type"]
    assert ["Scheduled", "Pending", "Running", "Completed"] == stack.history(run["id"])
    assert run["id"] in watched.out
    assert "the word is hello" in watched.out
    assert "Completed" in watched.out


def test_parameters_are_laid_over_defaults_and_coerced(stack: Stack) -> None:
    """A run's parameters go over the deployment's, these over the flow's; each becomes what its type hint says."""
    source = """
        from datetime import date

        from alisio import flow

        @flow(log_prints=True)
        def main(day: date, count: int = 1, word: str = "flow", flag: bool = False):
            print(f"{day:%A} {count + 1} {word} {flag}")
    """
    deployed = stack.deploy(source, "--param", "count=2", "--param", "word=deployment")
    stack.start_agent()

    run_id = stack.run(deployed, "--param", "day=2024-02-29", "--param", "word=run")

    stack.wait_for_run(run_id, "COMPLETED")
    assert "Thursday 3 run False" in stack.logs(run_id)


def test_a_wrong_parameter_is_refused_with_its_name(stack: Stack) -> None:
    """A parameter of a wrong type, an unknown one and a missing one are told in one line, and no run is made."""
    source = """
        from alisio import flow

        @flow
        def main(count: int, word: str = ""): ...
    """
    deployed = stack.deploy(source)

    assert "count" in stack.refused("deployment", "run", deployed.address, "--param", "count=many")
    assert "cuont" in stack.refused("deployment", "run", deployed.address, "--param", "count=1", "--param", "cuont=1")
    assert "count" in stack.refused("deployment", "run", deployed.address)
    body = {"parameters": {"count": "many"}}
    error = stack.api.post(f"/deployments/{deployed.id}/runs", body, status=422)
    assert "count" in error["field"]
    assert [] == stack.runs()


def test_the_same_idempotency_key_gives_the_same_run(stack: Stack) -> None:
    """Asking twice with one key makes one run; another key makes another."""
    deployed = stack.deploy(QUICK)

    first = stack.run(deployed, "--idempotency-key", "monday")
    again = stack.run(deployed, "--idempotency-key", "monday")
    other = stack.run(deployed, "--idempotency-key", "tuesday")

    assert first == again
    assert first != other
    assert {first, other} == {run["id"] for run in stack.runs()}


def test_a_run_for_later_waits_for_its_time(stack: Stack) -> None:
    """`--in` sets when a run is due; an agent leaves it alone until then."""
    deployed = stack.deploy(QUICK)
    stack.start_agent()

    later = stack.run(deployed, "--in", "1h")
    soon = stack.run(deployed, "--in", "2s")
    run = stack.wait_for_run(soon, "COMPLETED")

    assert datetime.fromisoformat(run["due"]) <= datetime.fromisoformat(run["started"])
    waiting = stack.read_run(later)
    assert ("SCHEDULED", 0) == (waiting["state"]["type"], waiting["attempt"])
    away = datetime.fromisoformat(waiting["due"]) - datetime.now(UTC)
    assert timedelta(minutes=58) < away < timedelta(minutes=61)


def test_run_names_come_from_templates(stack: Stack) -> None:
    """`flow_run_name` and `task_run_name` are filled in with the parameters, dates by their format."""
    source = """
        from datetime import datetime

        from alisio import flow, task

        @task(task_run_name="hello-{name}-on-{date:%A}")
        def greet(name: str, date: datetime): ...

        @flow(flow_run_name="{name}-on-{date:%A}")
        def main(name: str, date: datetime):
            greet(name, date)
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed, "--param", "name=marvin", "--param", "date=2024-02-29T12:00:00")

    assert "marvin-on-Thursday" == stack.wait_for_run(run_id, "COMPLETED")["name"]
    assert ["hello-marvin-on-Thursday"] == [run["name"] for run in stack.task_runs(run_id)]


def test_what_a_flow_prints_is_in_its_logs(stack: Stack) -> None:
    """Loggers, stdout and stderr of the process all end in the logs, those of child processes too, with levels."""
    source = """
        import subprocess
        import sys

        from alisio import flow, get_run_logger

        @flow
        def main():
            get_run_logger().warning("from the logger")
            print("from stdout", flush=True)
            print("from stderr", file=sys.stderr, flush=True)
            subprocess.run(["echo", "from a child"], check=True)
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    stack.wait_for_run(run_id, "COMPLETED")
    lines = {line["message"]: line for line in stack.log_lines(run_id)}
    assert 30 == lines["from the logger"]["level"]
    assert "stdout" == lines["from stdout"]["logger"]
    assert "stderr" == lines["from stderr"]["logger"]
    assert "stdout" == lines["from a child"]["logger"]
    assert "from the logger" in stack.cli("flow-run", "logs", run_id).out


def test_logs_are_followed_while_they_come(stack: Stack) -> None:
    """`flow-run logs --follow` shows lines while the flow runs, and ends with the run."""
    gate = stack.folder / "gate"
    deployed = stack.deploy(HELD, "--param", f"gate={gate}")
    stack.start_agent()
    run_id = stack.run(deployed)

    following = stack.start("flow-run", "logs", run_id, "--follow")
    stack.until(lambda: "waiting at the gate" in stack.output(following), "the first line to be shown")
    assert "through the gate" not in stack.output(following)
    gate.touch()

    assert 0 == following.wait(timeout=60)
    assert "through the gate" in stack.output(following)


def test_runs_are_found_by_tags_and_states_page_by_page(stack: Stack) -> None:
    """Filters narrow each other, pages hold each run once and in order, and the count agrees."""
    deployed = stack.deploy(QUICK, "--tag", "all")
    bodies = [{"name": f"run-{number}", "tags": ["odd"] if number % 2 else ["even"]} for number in range(7)]
    odd = stack.create_runs(deployed, *bodies)[1::2]
    stack.cli("flow-run", "cancel", odd[0])

    wanted = {"work_pool_names": [stack.pool], "tags": ["all", "odd"]}
    names, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        query = {"filter": wanted, "sort": "created_asc", "limit": 2, "cursor": cursor}
        page = stack.api.post("/flow-runs/filter", query)
        names += [run["name"] for run in page["items"]]
        cursor, pages = page["next_cursor"], pages + 1

    assert ["run-1", "run-3", "run-5"] == names
    assert 2 == pages
    assert 3 == stack.api.post("/flow-runs/count", wanted)["count"]
    assert [odd[0]] == [run["id"] for run in stack.runs(state_types=["CANCELLED"], tags=["odd"])]
    listed = stack.cli("flow-run", "ls", "--deployment", deployed.address, "--state", "CANCELLED", "--output", "json")
    assert [odd[0]] == [run["id"] for run in listed.json]


def test_a_deleted_run_is_gone(stack: Stack) -> None:
    """`flow-run delete` takes a run with its states and logs away; deleting it again says that it is not there."""
    deployed = stack.deploy(QUICK)
    stack.start_agent()
    run_id = stack.run(deployed)
    stack.wait_for_run(run_id, "COMPLETED")

    stack.cli("flow-run", "delete", run_id)

    assert "flow_run_not_found" == stack.api.get(f"/flow-runs/{run_id}", status=404)["code"]
    assert [] == stack.logs(run_id)
    assert run_id in stack.refused("flow-run", "delete", run_id)


def test_job_variables_reach_the_process(stack: Stack) -> None:
    """A run's `env` job variables are environment variables of its process."""
    source = """
        import os

        from alisio import flow

        @flow(log_prints=True)
        def main():
            print(os.environ["GREETING"], os.environ["PLANET"])
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed, "--job-variable", 'env={"GREETING": "hello", "PLANET": "mars"}')

    stack.wait_for_run(run_id, "COMPLETED")
    assert "hello mars" in stack.logs(run_id)


def test_the_bundle_holds_the_project_without_what_is_ignored(stack: Stack) -> None:
    """Files beside the flow come along; those that `.alisioignore` names, in gitignore's syntax, stay at home."""
    stack.write(".alisioignore", "*.secret\n!kept.secret\n/build/\n")
    for name in ("words/data.txt", "words/helper.py", "own.secret", "kept.secret", "build/out.txt"):
        stack.write(name, "WORD = 'helped'\n")
    source = """
        from pathlib import Path

        from alisio import flow
        from words.helper import WORD

        @flow(log_prints=True)
        def main():
            here = Path(__file__).parent
            found = [path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()]
            print(WORD, *sorted(name for name in found if name.endswith((".txt", ".secret"))))
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    stack.wait_for_run(run_id, "COMPLETED")
    assert "helped kept.secret words/data.txt" in stack.logs(run_id)


def test_a_flow_deploys_itself(stack: Stack) -> None:
    """`flow.deploy()` in a script makes the deployment that `alisio deploy` would."""
    source = f"""
        from alisio import flow

        @flow(log_prints=True)
        def main(word: str):
            print(f"the word is {{word}}")

        if __name__ == "__main__":
            main.deploy(name="from-code", work_pool_name="{stack.pool}", parameters={{"word": "coded"}}, tags=["own"])
    """
    script = stack.write("flow.py", source)
    subprocess.run([sys.executable, str(script)], env=stack.backend.environment, check=True, timeout=60)
    stack.start_agent()

    stack.cli("deployment", "run", "main/from-code", "--watch")

    [run] = stack.runs(tags=["own"])
    assert "the word is coded" in stack.logs(run["id"])
