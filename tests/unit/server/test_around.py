"""Variables, artifacts, assets and events through the routes, on each kind of database."""

from __future__ import annotations

from typing import Any

import pytest

from alisio.contract.ids import new_id
from alisio.contract.reports import Report
from alisio_server.embedded import Backend
from alisio_server.orchestration.reports import apply_report
from alisio_server.services import Services
from tests.unit.server.test_routes import ask

TIME = "2026-05-04T12:00:00+00:00"


def set_variable(backend: Backend, name: str, value: Any, **more: Any) -> tuple[int, Any]:
    """Ask for a variable to be set."""
    return ask(backend, "POST", "/api/variables", {"name": name, "value": value, **more})


def names(page: Any, field: str = "name") -> list[Any]:
    """Take one field out of a page's items."""
    return [item[field] for item in page["items"]]


def report(services: Services, **news: Any) -> str:
    """Report a run by hand that has ended."""
    run_id = new_id()
    given = {"attempt": 1, "sequence": 1, "origin": "script", "facts": {"flow_name": "by-hand"}, **news}
    with services.transaction() as tx:
        apply_report(tx, run_id, Report.model_validate(given))
    return str(run_id)


def materializing(key: str, *upstream: str, how: str = "COMPLETED", at: str = TIME, **more: Any) -> dict[str, Any]:
    """Make the news of a task run that has made an asset."""
    return {
        "id": str(new_id()), "task_key": "t.t", "name": "t-0", "index": 0,
        "states": [{"type": how, "name": how.capitalize(), "timestamp": at}],
        "materializes": {"assets": [{"key": key, **more}], "upstream": [{"key": each} for each in upstream]},
    }  # fmt: skip


@pytest.mark.parametrize("value", [42, "text", None, True, 1.5, [1, {"a": None}], {"b": [], "a": "ñ"}])
def test_a_variable_is_given_back_as_it_was_set(backend: Backend, value: Any) -> None:
    """Any JSON, null too, with the order of its keys."""
    status, made = set_variable(backend, "answer", value, tags=["prod"])

    assert (200, value, ["prod"]) == (status, made["value"], made["tags"])
    _, read = ask(backend, "GET", "/api/variables/answer")
    assert made == read
    assert list(value) == list(read["value"]) if isinstance(value, dict) else True


def test_a_variable_is_overwritten_only_on_request(backend: Backend) -> None:
    """Else the one that is there stays as it is; overwritten, it keeps its id, and its tags are replaced."""
    _, first = set_variable(backend, "answer", 1, tags=["old"])

    status, body = set_variable(backend, "answer", 2)
    assert (409, "variable_exists") == (status, body["code"])
    assert 1 == ask(backend, "GET", "/api/variables/answer")[1]["value"]

    _, second = set_variable(backend, "answer", 2, overwrite=True)
    assert (first["id"], first["created"], 2, []) == (second["id"], second["created"], second["value"], second["tags"])


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("Answer", 1, "name"),
        ("an answer", 1, "name"),
        ("an-answer", 1, "name"),
        ("", 1, "name"),
        ("a" * 256, 1, "name"),
        ("answer", "x" * 5_000, "value"),
        ("answer", list(range(2_000)), "value"),
    ],
)
def test_what_cannot_be_a_variable_is_refused(backend: Backend, name: str, value: Any, field: str) -> None:
    """With the field named, and nothing is stored."""
    status, body = set_variable(backend, name, value)

    assert (422, field) == (status, body["field"])
    assert [] == ask(backend, "POST", "/api/variables/filter", {})[1]["items"]


def test_the_largest_variable(backend: Backend) -> None:
    """5,000 characters as JSON, whatever alphabet they are of, and 255 of name."""
    value = "ñ" * 4_998
    assert 200 == set_variable(backend, "a" * 255, value)[0]
    assert value == ask(backend, "GET", f"/api/variables/{'a' * 255}")[1]["value"]


def test_variables_are_found_and_removed(backend: Backend) -> None:
    """By parts of their names and by all of some tags, in pages; one that is gone is not there."""
    for number, tags in enumerate((["a", "b"], ["a"], [])):
        set_variable(backend, f"name_{number}", number, tags=tags)

    query = {"limit": 2}
    _, page = ask(backend, "POST", "/api/variables/filter", query)
    _, rest = ask(backend, "POST", "/api/variables/filter", {**query, "cursor": page["next_cursor"]})
    assert ["name_0", "name_1", "name_2"] == names(page) + names(rest)
    _, tagged = ask(backend, "POST", "/api/variables/filter", {"filter": {"tags": ["b", "a"]}})
    assert ["name_0"] == names(tagged)
    _, newest = ask(backend, "POST", "/api/variables/filter", {"sort": "created_desc"})
    assert ["name_2", "name_1", "name_0"] == names(newest)
    assert 1 == ask(backend, "POST", "/api/variables/count", {"name_contains": "_2"})[1]["count"]

    assert 204 == ask(backend, "DELETE", "/api/variables/name_1")[0]
    assert (404, "variable_not_found") == _code(ask(backend, "DELETE", "/api/variables/name_1"))
    assert (404, "variable_not_found") == _code(ask(backend, "GET", "/api/variables/name_1"))


def _code(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["code"]


def test_artifacts_of_a_key_are_versions(backend: Backend) -> None:
    """All are kept; the latest is that which was made last, also when that one is removed again."""
    made = [
        ask(backend, "POST", "/api/artifacts", {"key": "report", "type": "markdown", "data": f"# {number}"})[1]
        for number in range(3)
    ]
    ask(backend, "POST", "/api/artifacts", {"key": "other", "type": "table", "data": [{"a": 1}]})
    ask(backend, "POST", "/api/artifacts", {"type": "markdown", "data": "no key"})

    assert "# 2" == ask(backend, "GET", "/api/artifacts/key/report")[1]["data"]
    _, latest = ask(backend, "POST", "/api/artifacts/filter", {"filter": {"latest": True}})
    assert ["other", "report"] == names(latest, "key")
    assert {None} == set(names(latest, "data"))
    _, history = ask(backend, "POST", "/api/artifacts/filter", {"filter": {"keys": ["report"]}, "with_data": True})
    assert ["# 2", "# 1", "# 0"] == names(history, "data")
    assert 4 == ask(backend, "POST", "/api/artifacts/count", {"has_key": True})[1]["count"]
    assert 1 == ask(backend, "POST", "/api/artifacts/count", {"has_key": False})[1]["count"]

    assert 204 == ask(backend, "DELETE", f"/api/artifacts/{made[2]['id']}")[0]
    assert "# 1" == ask(backend, "GET", "/api/artifacts/key/report")[1]["data"]
    assert 204 == ask(backend, "DELETE", "/api/artifacts/key/report")[0]
    assert (404, "artifact_not_found") == _code(ask(backend, "GET", "/api/artifacts/key/report"))
    assert (404, "artifact_not_found") == _code(ask(backend, "DELETE", "/api/artifacts/key/report"))


def test_an_artifact_is_made_once_and_changed_in_place(backend: Backend) -> None:
    """The same id twice makes one; a patch changes what it gives, and makes no version."""
    artifact_id = str(new_id())
    wanted = {"id": artifact_id, "key": "done", "type": "progress", "data": 1.0, "description": "how far"}
    assert [201, 201] == [ask(backend, "POST", "/api/artifacts", wanted)[0] for _ in range(2)]

    _, changed = ask(backend, "PATCH", f"/api/artifacts/{artifact_id}", {"data": 99.5})
    assert (99.5, "how far") == (changed["data"], changed["description"])
    assert 1 == ask(backend, "POST", "/api/artifacts/count", {})[1]["count"]
    assert (404, "artifact_not_found") == _code(ask(backend, "PATCH", f"/api/artifacts/{new_id()}", {"data": 1}))


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"key": "A", "type": "markdown"}, "key"),
        ({"key": "a_b", "type": "markdown"}, "key"),
        ({"type": ""}, "type"),
        ({"type": "markdown", "data": "x" * 500_000}, "data"),
        ({"type": "markdown", "description": "x" * 10_001}, "description"),
    ],
)
def test_what_cannot_be_an_artifact_is_refused(backend: Backend, wanted: dict[str, Any], field: str) -> None:
    """With the field named."""
    status, body = ask(backend, "POST", "/api/artifacts", wanted)

    assert (422, field) == (status, body["field"])


def test_a_page_with_data_is_small(backend: Backend) -> None:
    """Ten of the largest artifacts are an answer that a Lambda function may give; the next page has the others."""
    for _ in range(12):
        ask(backend, "POST", "/api/artifacts", {"key": "many", "type": "markdown", "data": "x"})

    query = {"limit": 200, "with_data": True}
    _, page = ask(backend, "POST", "/api/artifacts/filter", query)
    _, rest = ask(backend, "POST", "/api/artifacts/filter", {**query, "cursor": page["next_cursor"]})

    assert (10, 2, None) == (len(page["items"]), len(rest["items"]), rest["next_cursor"])


def test_assets_and_what_they_are_made_from(backend: Backend, services: Services) -> None:
    """An asset knows its neighbours, its last materialization and its properties; the lineage goes further."""
    report(services, task_runs=[materializing("s3://b", "pg://a", properties={"name": "B", "owners": ["me"]})])
    report(services, task_runs=[materializing("s3://c", "s3://b", metadata={"rows": 3})])
    later = "2026-05-04T12:00:01+00:00"
    run_id = report(services, task_runs=[materializing("s3://b", "pg://a2", how="FAILED", at=later)])

    _, page = ask(backend, "POST", "/api/assets/filter", {})
    assert ["pg://a", "pg://a2", "s3://b", "s3://c"] == names(page, "key")
    b = page["items"][2]
    assert (["pg://a", "pg://a2"], ["s3://c"]) == (b["upstream"], b["downstream"])
    assert ("B", ["me"]) == (b["properties"]["name"], b["properties"]["owners"])
    assert (False, run_id, ["pg://a2"]) == (b["last"]["succeeded"], b["last"]["flow_run_id"], b["last"]["upstream"])
    assert None is page["items"][0]["last"]
    _, made = ask(backend, "POST", "/api/assets/materializations/filter", {"filter": {"asset_keys": ["s3://b"]}})
    assert [False, True] == names(made, "succeeded")

    _, lineage = ask(backend, "POST", "/api/assets/lineage", {"key": "s3://c"})
    edges = [(edge["upstream"], edge["downstream"]) for edge in lineage["edges"]]
    assert [("pg://a", "s3://b"), ("pg://a2", "s3://b"), ("s3://b", "s3://c")] == edges
    assert lineage["complete"]
    _, near = ask(backend, "POST", "/api/assets/lineage", {"key": "s3://c", "depth": 1})
    assert (1, False) == (len(near["edges"]), near["complete"])


@pytest.mark.parametrize(
    ("which", "keys"),
    [
        ({"prefix": "s3://"}, ["s3://b", "s3://c"]),
        ({"prefix": "S3://"}, []),
        ({"key_contains": "//C"}, ["s3://c"]),
        ({"upstream_of": "s3://c"}, ["s3://b"]),
        ({"downstream_of": "pg://a"}, ["s3://b"]),
        ({"keys": ["pg://a", "s3://none"]}, ["pg://a"]),
    ],
)
def test_assets_are_found(backend: Backend, services: Services, which: dict[str, Any], keys: list[str]) -> None:
    """By key, by the beginning of it, and by what they stand next to."""
    report(services, task_runs=[materializing("s3://b", "pg://a"), materializing("s3://c", "s3://b")])

    assert keys == names(ask(backend, "POST", "/api/assets/filter", {"filter": which})[1], "key")
    assert len(keys) == ask(backend, "POST", "/api/assets/count", which)[1]["count"]


def test_an_asset_is_forgotten(backend: Backend, services: Services) -> None:
    """With its materializations and lineage; others stay."""
    report(services, task_runs=[materializing("s3://b", "pg://a")])

    assert 1 == ask(backend, "POST", "/api/assets/delete", {"keys": ["s3://b", "s3://none"]})[1]["count"]

    assert ["pg://a"] == names(ask(backend, "POST", "/api/assets/filter", {})[1], "key")
    assert [] == ask(backend, "POST", "/api/assets/materializations/filter", {})[1]["items"]
    assert [] == ask(backend, "POST", "/api/assets/lineage", {"key": "pg://a"})[1]["edges"]


def event(name: str, at: str = TIME, **more: Any) -> dict[str, Any]:
    """Make an event."""
    return {
        "id": str(new_id()), "event": name, "occurred": at, "resource": {"alisio.resource.id": f"of.{name}"}, **more
    }  # fmt: skip


def test_events_are_stored_once_and_found(backend: Backend) -> None:
    """Sent twice they are there once, as they were first told; they are found by name, resource and time."""
    first, second = event("file.arrived", payload={"rows": [1, None]}), event("flow.mended", "2026-05-04T13:00:00Z")
    assert 2 == ask(backend, "POST", "/api/events", {"events": [first, second]})[1]["created"]
    changed = {**first, "event": "file.lost"}
    assert 1 == ask(backend, "POST", "/api/events", {"events": [changed, event("x")]})[1]["created"]

    _, read = ask(backend, "GET", f"/api/events/{first['id']}")
    assert ("file.arrived", {"rows": [1, None]}) == (read["event"], read["payload"])
    for which, found in (
        ({"event_prefix": "file."}, ["file.arrived"]),
        ({"events": ["x", "flow.mended"]}, ["flow.mended", "x"]),
        ({"resource_ids": ["of.x"]}, ["x"]),
        ({"occurred_after": "2026-05-04T12:30:00Z"}, ["flow.mended"]),
        ({"occurred_before": "2026-05-04T12:00:00Z"}, []),
    ):
        assert found == names(ask(backend, "POST", "/api/events/filter", {"filter": which})[1], "event")
        assert len(found) == ask(backend, "POST", "/api/events/count", which)[1]["count"]
    assert (404, "event_not_found") == _code(ask(backend, "GET", f"/api/events/{new_id()}"))


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"resource": {}}, "events.0.resource"),
        ({"resource": {"alisio.resource.id": ""}}, "events.0.resource"),
        ({"event": ""}, "events.0.event"),
        ({"payload": {"a": "x" * 100_000}}, "events.0.payload"),
        ({"related": [{"a": "b"}]}, "events.0.related.0"),
    ],
)
def test_what_cannot_be_an_event_is_refused(backend: Backend, more: dict[str, Any], field: str) -> None:
    """With the field named, and none of the request is stored."""
    status, body = ask(backend, "POST", "/api/events", {"events": [{**event("x"), **more}]})

    assert (422, field) == (status, body["field"])
    assert 0 == ask(backend, "POST", "/api/events/count", {})[1]["count"]
