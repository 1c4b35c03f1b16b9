"""`Variable`, against a database: in synchronous and asynchronous code."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from alisio.client import Client
from alisio.contract.variables import VariableQuery
from alisio.exceptions import ApiUnreachableError
from alisio.variables import Variable


def test_a_variable_is_set_read_and_removed(client: Client) -> None:
    """Its value comes back as JSON gives it; one that is not there is its default."""
    assert Variable("crew", ["Ada", 1], ["prod"]) == Variable.set("crew", ("Ada", 1), tags=["prod"])
    assert ["Ada", 1] == Variable.get("crew")
    assert ["prod"] == client.read_variable("crew").tags

    assert Variable.unset("crew") is True
    assert Variable.unset("crew") is False
    assert (None, "none") == (Variable.get("crew"), Variable.get("crew", default="none"))


def test_a_variable_that_is_null_is_there(client: Client) -> None:
    """Null is a value: the default is for what is not there."""
    Variable.set("nothing", None)

    assert None is Variable.get("nothing", default="default")


def test_async_code_awaits(client: Client) -> None:
    """In a running loop the plain names are awaited as well, as are those that begin with `a`."""

    async def use() -> list[Any]:
        made = await Variable.set("answer", 1)
        again = await Variable.aset("answer", 2, overwrite=True)
        values = [await Variable.get("answer"), await Variable.aget("answer"), await Variable.aget("none", 3)]
        return [made.value, again.value, *values, await Variable.unset("answer"), await Variable.aunset("answer")]

    assert [1, 2, 2, 2, 3, True, False] == asyncio.run(use())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Answer", 1, "variable 'Answer': name: a variable's name has small letters a to z, digits and underscores"),
        ("x" * 256, 1, "name: String should have at most 255 characters"),
        ("answer", object(), "variable 'answer': value: must be something that JSON can say"),
        ("answer", float("nan"), "variable 'answer': value: must be something that JSON can say"),
        ("answer", "x" * 5_000, "variable 'answer': value: may have 5,000 characters as JSON, not 5,002"),
    ],
)
def test_what_cannot_be_a_variable(client: Client, name: str, value: Any, message: str) -> None:
    """It is said in one line before anything is sent, and nothing is stored."""
    with pytest.raises(ValueError, match=r"^variable ") as caught:
        Variable.set(name, value)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [] == client.filter_variables(VariableQuery()).items


def test_one_that_is_there_is_not_overwritten_by_mistake(client: Client) -> None:
    """The line says how to do it on purpose."""
    Variable.set("answer", 1)

    with pytest.raises(ValueError, match="'answer' is there already: say overwrite=True"):
        Variable.set("answer", 2)

    assert 1 == Variable.get("answer")


def test_a_server_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no default: whoever asks must know that nobody answered."""
    monkeypatch.setenv("ALISIO_API_URL", "http://127.0.0.1:9/api")

    with pytest.raises(ApiUnreachableError):
        Variable.get("answer", default=1)
