"""Parameters of flows: converting, refusing, describing."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field

from alisio import flow
from alisio.exceptions import ParameterError
from tests.unit.sdk.conftest import MemoryServer, Style


class Town(BaseModel):
    """A model as a parameter."""

    name: str
    people: int = 0


class Opaque:
    """A class that nothing can be converted to."""


@pytest.mark.parametrize(
    ("hint", "given", "expected"),
    [
        (int, "5", 5),
        (float, 1, 1.0),
        (datetime.date, "2026-02-03", datetime.date(2026, 2, 3)),
        (list[int], ("1", 2), [1, 2]),
        (Town, {"name": "Oia", "people": "12"}, Town(name="Oia", people=12)),
        (Literal["a", "b"], "a", "a"),
        (Any, "5", "5"),
    ],
)
def test_conversion(server: MemoryServer, style: Style, hint: Any, given: Any, expected: Any) -> None:
    """Arguments become what the type hints say."""

    def body(value: Any) -> Any:
        return {"value": value}

    body.__annotations__ = {"value": hint}
    assert expected == style.run(style.flow()(body), given)["value"]


@pytest.mark.parametrize(
    ("hint", "given", "message"),
    [
        (int, "five", "parameter 'value': Input should be a valid integer.*not 'five'"),
        (Town, {"people": 3}, r"parameter 'value\.name': Field required"),
        (Annotated[int, Field(gt=3)], 2, "parameter 'value': Input should be greater than 3, not 2"),
        (Opaque, 3, "parameter 'value': Input should be an instance of Opaque"),
    ],
)
def test_refusal(server: MemoryServer, style: Style, hint: Any, given: Any, message: str) -> None:
    """An argument that does not fit fails the run with one line that names the parameter."""

    def body(value: Any) -> None:
        raise AssertionError("must not run")

    body.__annotations__ = {"value": hint}
    with pytest.raises(ParameterError, match=message) as caught:
        style.run(style.flow()(body), given)
    assert "\n" not in str(caught.value)
    assert "FAILED" == server.only_run().state.type


def test_missing_argument(style: Style) -> None:
    """A missing argument is refused in one line, before there is a run."""

    @style.flow()
    def outer(n: int) -> None: ...

    with pytest.raises(ParameterError, match="flow 'outer': missing a required argument: 'n'"):
        outer()


def test_awkward_signature(server: MemoryServer) -> None:
    """Positional, keyword and variadic parameters arrive as Python would give them; odd names do no harm."""

    @flow
    def outer(_a: int, /, schema: str, *args: int, copy: float = 1, **kwargs: Any) -> Any:
        return _a, schema, args, copy, kwargs

    assert (1, "x", (2, 3), 4.0, {"z": 5}) == outer("1", "x", 2, 3, copy="4", z=5)


def test_without_validation(server: MemoryServer) -> None:
    """`validate_parameters=False` takes arguments as they are."""

    @flow(validate_parameters=False)
    def outer(n: int) -> Any:
        return n

    assert "x" == outer("x")


def test_unreadable_hint(server: MemoryServer) -> None:
    """A type hint that names nothing is told in one line."""

    def outer(n: Any) -> None: ...

    outer.__annotations__ = {"n": "NoSuchType"}
    with pytest.raises(ParameterError, match=r"a type hint cannot be read.*NoSuchType"):
        flow(outer)(3)


def test_schema() -> None:
    """The parameters are described as a JSON Schema, which accepts and refuses what the flow does."""

    @flow
    def outer(
        n: Annotated[int, Field(ge=1)],
        town: Town,
        day: datetime.date = datetime.date(2026, 1, 1),
        thing: Opaque | None = None,
        free=5,  # noqa: ANN001
    ) -> None: ...

    schema = outer.parameter_schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"n": 1, "town": {"name": "Oia"}, "thing": "anything"})
    for bad in ({"n": 0, "town": {"name": "Oia"}}, {"n": 1}, {"n": 1, "town": {"name": "Oia"}, "m": 1}):
        assert not validator.is_valid(bad)
    assert ("2026-01-01", 5) == (schema["properties"]["day"]["default"], schema["properties"]["free"]["default"])
    assert ["n", "town"] == schema["required"]


def test_simple_parameters_need_no_pydantic() -> None:
    """Arguments that are exactly what simple hints say are not worth an import of pydantic."""
    code = """
import sys
from alisio import flow
from alisio.engine.parameters import validated

@flow
def f(n: int, s: str = "x") -> None: ...

assert {"n": 3} == validated(f, {"n": 3})
assert "pydantic" not in sys.modules
validated(f, {"n": "3"})
assert "pydantic" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
