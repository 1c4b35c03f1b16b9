"""The project file: what it says, and that each mistake in it is told with its line."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alisio.contract.deployments import CatchUp, ScheduleSpec
from alisio.contract.overlap import Overlap
from alisio.deployments.failures import ProjectError
from alisio.deployments.project_file import find_project, read_project

ONE = "deployments:\n  - name: a\n    entrypoint: f.py:f\n"


def project(folder: Path, text: str) -> Path:
    """Write a project file."""
    path = folder / "alisio.yaml"
    path.write_text(text)
    return path


def test_it_reads_all_that_a_deployment_can_say(tmp_path: Path) -> None:
    """Every key of a deployment comes through."""
    path = project(
        tmp_path,
        """\
deployments:
  - name: hourly
    entrypoint: flows/weather.py:weather
    description: The weather
    version: "1.2"
    tags: [weather, hourly]
    parameters: {city: Seattle, days: 3}
    work_pool: {name: local, queue: fast, job_variables: {env: {A: b}}}
    schedules:
      - {cron: "0 * * * *", timezone: Europe/Madrid, slug: hourly}
      - {interval: 10m, anchor: 2026-01-01T00:00:00Z, active: false, parameters: {days: 1}, catch_up: none}
      - {rrule: "FREQ=DAILY", overlap: skip}
      - {at: 2026-03-01T09:30:00+01:00}
""",
    )

    (entry,) = read_project(path)

    assert ("hourly", "flows/weather.py:weather", "The weather", "1.2") == (
        entry.name, entry.entrypoint, entry.description, entry.version,
    )  # fmt: skip
    assert ["weather", "hourly"] == entry.tags
    assert {"city": "Seattle", "days": 3} == entry.parameters
    assert entry.work_pool is not None
    assert ("local", "fast", {"env": {"A": "b"}}) == (
        entry.work_pool.name, entry.work_pool.queue, entry.work_pool.job_variables,
    )  # fmt: skip
    assert [
        ScheduleSpec(cron="0 * * * *", timezone="Europe/Madrid", slug="hourly"),
        ScheduleSpec(
            interval_seconds=600,
            anchor=datetime(2026, 1, 1, tzinfo=UTC),
            active=False,
            parameters={"days": 1},
            catch_up=CatchUp.NONE,
        ),
        ScheduleSpec(rrule="FREQ=DAILY", overlap=Overlap.SKIP),
        ScheduleSpec(at=datetime(2026, 3, 1, 8, 30, tzinfo=UTC)),
    ] == [schedule.to_spec() for schedule in entry.schedules]


def test_what_stands_at_the_top_holds_for_deployments_that_say_nothing_else(tmp_path: Path) -> None:
    """A key at the top is a default; a deployment's own key replaces it whole."""
    path = project(
        tmp_path,
        """\
name: weather
tags: [all]
work_pool: {name: local}
deployments:
  - {name: a, entrypoint: "f.py:f"}
  - {name: b, entrypoint: "f.py:f", tags: [own], work_pool: {name: other}}
""",
    )

    first, second = read_project(path)

    assert ("a", "b") == (first.name, second.name)
    assert (["all"], "local") == (first.tags, first.work_pool and first.work_pool.name)
    assert (["own"], "other") == (second.tags, second.work_pool and second.work_pool.name)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (ONE + "    work_pol: {name: x}\n", 4, "unknown key 'work_pol'; did you mean 'work_pool'?"),
        ("deployment: []\n", 1, "the key 'deployments' is missing"),
        ("deployments:\n  - name: a\n", 2, "the key 'entrypoint' is missing"),
        ("deployments: []\n", 1, "at least 1 item"),
        (ONE + "    work_pool: local\n", 4, "deployments.0.work_pool: must be a mapping"),
        (ONE + "    tags: yes\n", 4, "deployments.0.tags: Input should be a valid list"),
        ("deployments:\n  - name: a/b\n    entrypoint: f.py:f\n", 2, "deployments.0.name: a name has none of / %"),
        (ONE + "    schedules:\n      - cron: '* * * * *'\n        zone: UTC\n", 6, "unknown key 'zone'"),
        (ONE + "    schedules:\n      - timezone: UTC\n", 5, "schedule 1 of 'a': give exactly one of cron"),
        (ONE + "    schedules:\n      - interval: soon\n", 5, "'soon' is not a duration"),
        (ONE + "  - name: a\n    entrypoint: f.py:f\n", 4, "'a' of f.py:f is there twice"),
        (ONE + "    name: b\n", 4, "the key 'name' is there twice"),
        ("deployments:\n  - name: [\n", 3, "expected the node content"),
        ("- a\n", 1, "must have a key `deployments`"),
        ("", 1, "must have a key `deployments`"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    """One line names the file, the line and the key, and, where it can, what was meant."""
    path = project(tmp_path, text)

    with pytest.raises(ProjectError, match=re.escape(said)) as caught:
        read_project(path)

    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The line says what one can do without a project file."""
    with pytest.raises(ProjectError, match=r"there is no .*name an entrypoint"):
        read_project(tmp_path / "alisio.yaml")


def test_yaml_runs_no_code(tmp_path: Path) -> None:
    """Tags that would make Python objects are refused."""
    path = project(tmp_path, "deployments: !!python/object/apply:os.getcwd []\n")

    with pytest.raises(ProjectError, match="could not determine a constructor"):
        read_project(path)


def test_the_project_file_is_found_from_a_folder_below(tmp_path: Path) -> None:
    """The nearest file above counts."""
    outer = project(tmp_path, "")
    inner_folder = tmp_path / "a" / "b"
    inner_folder.mkdir(parents=True)

    assert outer == find_project(inner_folder)
    inner = project(inner_folder, "")
    assert inner == find_project(inner_folder)


def test_an_alias_inside_of_what_it_names_is_told(tmp_path: Path) -> None:
    """A mapping that holds itself has no end, and is refused in one line."""
    path = project(tmp_path, ONE + "    parameters: &all {again: *all}\n")

    with pytest.raises(ProjectError, match="an alias stands inside of what it names"):
        read_project(path)
