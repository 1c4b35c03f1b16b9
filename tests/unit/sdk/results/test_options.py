"""The options about results: wrong ones fail at decoration, and `with_options` changes what it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alisio import flow, task


def _nothing() -> None:
    """Be the function of a flow."""


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("persist_result", "yes", "persist_result must be True or False, not 'yes'"),
        ("cache_result_in_memory", 1, "cache_result_in_memory must be True or False, not 1"),
        (
            "result_serializer",
            "xml",
            "result_serializer must be one of pickle, json, compressed/pickle, compressed/json",
        ),
        ("result_serializer", 5, "or an object with dumps and loads, not 5"),
        ("result_storage", "s3://", "result_storage must be a folder, an address such as s3://bucket/results, TYPE"),
        ("result_storage", "", "result_storage must be a folder"),
        ("result_storage", {}, "or an object with read, write and exists, not {}"),
        ("result_storage", dict, "result_storage must be a folder"),
    ],
)
@pytest.mark.parametrize("decorator", [flow, task])
def test_a_wrong_option_is_named(decorator: Any, option: str, value: Any, message: str) -> None:
    """What cannot be used fails where the flow or task is made, with the option, its rule and the value."""
    with pytest.raises(ValueError, match="'main'") as caught:
        decorator(name="main", **{option: value})(lambda: None)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "must be a text"),
        (5, "must be a text, not 5"),
        ("{", "must be a template"),
        ("{name}", "must be a template over flow_run, parameters, task_run, not '{name}'"),
        ("{}", "must be a template over"),
    ],
)
def test_a_wrong_key_is_named(key: Any, message: str) -> None:
    """A key's template may use parameters and what the runtime knows, and nothing else."""
    with pytest.raises(ValueError, match="result_storage_key") as caught:
        task(result_storage_key=key)(lambda: None)
    assert message in str(caught.value)


def test_an_unknown_option_is_an_error() -> None:
    """A typing error is told, and so is the key of a task on a flow."""
    with pytest.raises(TypeError, match="@task has no option 'persist_results'"):
        task(persist_results=True)(lambda: None)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="@flow has no option 'result_storage_key'"):
        flow(result_storage_key="k")(lambda: None)  # type: ignore[call-overload]


def test_with_options_changes_what_it_names(tmp_path: Path) -> None:
    """Other options stay as they are, and the first task too."""
    first = task(result_storage=tmp_path, result_serializer="json")(lambda: None)
    second = first.with_options(persist_result=False, result_serializer="pickle")
    assert (True, False) == (first.results.persists, second.results.persists)
    assert (str(tmp_path), "pickle") == (second.results.result_storage, second.results.result_serializer)
    assert "json" == first.results.result_serializer
    assert second.results == second.with_options(name="third").results
    assert True is flow(_nothing).with_options(persist_result=True).results.persists


def test_a_relative_folder_is_taken_at_decoration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow that changes its working folder goes on storing where it began; `~` is the home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert str(tmp_path / "results") == flow(result_storage="results")(_nothing).results.result_storage
    assert "/home/somebody/r" == flow(result_storage="~/r")(_nothing).results.result_storage
