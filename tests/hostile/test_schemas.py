"""Parameter schemas that nobody vouches for: bounded time, no network, and no fault of the server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from alisio_server.errors import InvalidInputError
from alisio_server.orchestration import bounded_schema
from alisio_server.orchestration.parameters import check_parameters, check_schema

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KEYWORDS = st.sampled_from([*sorted(Draft202012Validator.VALIDATORS), "$defs", "$id", "$anchor", "$schema"])
SCHEMAS = st.recursive(
    st.dictionaries(KEYWORDS, JSON, max_size=3),
    lambda inner: st.dictionaries(KEYWORDS, inner | st.lists(inner, max_size=3) | st.just("#"), max_size=4),
    max_leaves=6,
)

OUT_OF_TIME = "takes more than"


def doubling(levels: int) -> dict[str, Any]:
    """Make a schema whose check doubles with every level."""
    definitions: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": definitions | {f"d{levels}": {}}, "$ref": "#/$defs/d0"}


def nested(levels: int) -> dict[str, Any]:
    """Make a schema of properties within properties."""
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"properties": {"x": schema}}
    return schema


@settings(deadline=None, max_examples=300)
@given(schema=SCHEMAS, parameters=st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_any_schema(schema: dict[str, Any], parameters: dict[str, Any]) -> None:
    """Whatever a schema and parameters are, they fit or are refused with a reason of one line."""
    try:
        check_schema(schema)
        check_parameters(schema, parameters)
    except InvalidInputError as refusal:
        assert 1 == len(refusal.message.splitlines())


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        pytest.param({"pattern": "^(a+)+$"}, "a" * 60 + "!", "does not match", id="pattern"),
        pytest.param(
            {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False},
            {"a" * 60 + "!": 1},
            "is unknown",
            id="pattern of names",
        ),
        pytest.param({"pattern": "(?=a)b"}, "b", "look-around", id="pattern without a bound"),
        pytest.param({"pattern": "(((a{1000}){1000}){1000})"}, "a", "size limit", id="pattern too large"),
        pytest.param({"uniqueItems": True}, [[n] for n in range(50_000)] + [[1]], "different", id="many items"),
        pytest.param({"items": {"type": "string"}}, list(range(300_000)), "is not of type", id="many mistakes"),
        pytest.param(doubling(60), 1, OUT_OF_TIME, id="doubling"),
        pytest.param({"$ref": "http://127.0.0.1:1/schema"}, 1, "what is not in it", id="remote reference"),
        pytest.param({"$id": "http://[", "$ref": "x"}, 1, "cannot be used", id="no address"),
        pytest.param(nested(99), 1, "nested too deeply", id="deep"),
        pytest.param({"multipleOf": 0.1}, 10**400, "too large", id="huge number"),
    ],
)
def test_bounds(monkeypatch: pytest.MonkeyPatch, schema: dict[str, Any], value: Any, said: str) -> None:
    """What would take for ever, or ask the network, is refused in moments, and the reason is told."""
    monkeypatch.setattr(bounded_schema, "CHECK_SECONDS", 0.5 if said == OUT_OF_TIME else 60.0)
    definitions = schema.pop("$defs", {})
    whole = {"$defs": definitions, "properties": {"x": schema}}
    with pytest.raises(InvalidInputError, match=said):
        check_schema(whole)
        check_parameters(whole, {"x": value})


def test_endless_reference() -> None:
    """A schema that refers to itself without end is refused, one that follows its value down is not."""
    with pytest.raises(InvalidInputError, match="without end"):
        check_parameters({"$ref": "#"}, {})
    tree = {"properties": {"x": {"$ref": "#/$defs/node"}}, "$defs": {"node": {"items": {"$ref": "#/$defs/node"}}}}
    check_parameters(tree, {"x": [[], [[]]]})


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        pytest.param({"pattern": "^[a-z]+$"}, "abc", True, id="pattern"),
        pytest.param({"pattern": "b"}, "abc", True, id="a pattern may match in the middle"),
        pytest.param({"patternProperties": {"^n_": {"type": "integer"}}}, {"n_a": "x"}, False, id="value of a pattern"),
        pytest.param(
            {"properties": {"a": {}}, "patternProperties": {"^n_": {}}, "additionalProperties": False},
            {"a": 1, "n_b": 2},
            True,
            id="all names known",
        ),
        pytest.param({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}], True, id="unlike"),
        pytest.param({"uniqueItems": True}, [{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], False, id="alike"),
    ],
)
def test_meanings(schema: dict[str, Any], value: Any, fits: bool) -> None:
    """What is bounded means what JSON Schema says it means."""
    whole = {"properties": {"x": schema}}
    check_schema(whole)
    if fits:
        check_parameters(whole, {"x": value})
    else:
        with pytest.raises(InvalidInputError):
            check_parameters(whole, {"x": value})
