"""Where the secrets of schemas are, and parting data from them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alisio.contract.block_secrets import ANY, DataPath, Patterns, join_secrets, secret_patterns

MASK = "********"
SECRET = {"type": "string", "writeOnly": True}


@pytest.mark.parametrize(
    ("properties", "patterns"),
    [
        ({"a": {"type": "string"}}, []),
        ({"a": SECRET}, [("a",)]),
        ({"a": {"type": "string", "format": "password"}}, [("a",)]),
        ({"a": {"anyOf": [SECRET, {"type": "null"}]}}, [("a",)]),
        ({"a": {"type": "array", "items": SECRET}}, [("a", ANY)]),
        ({"a": {"type": "array", "prefixItems": [{"type": "string"}, SECRET]}}, [("a", ANY)]),
        ({"a": {"type": "object", "additionalProperties": SECRET}}, [("a", ANY)]),
        ({"a": {"$ref": "#/$defs/Login"}, "b": {"$ref": "#/$defs/Login"}}, [("a", "password"), ("b", "password")]),
        ({"a": {"$ref": "https://example.org/x"}}, []),
        ({"a": True, "b": {"properties": "nonsense", "anyOf": 3}}, []),
    ],
)
def test_secrets_of_a_schema(properties: dict[str, Any], patterns: list[DataPath]) -> None:
    """What is `writeOnly` or a password is a secret, however it is referred to; what is no schema is none."""
    schema = {"properties": properties, "$defs": {"Login": {"properties": {"user": {}, "password": SECRET}}}}

    assert patterns == secret_patterns(schema)


def test_a_schema_that_refers_to_itself_ends() -> None:
    """A tree of logins has its secrets found at the first of each kind."""
    node = {"properties": {"password": SECRET, "next": {"$ref": "#/$defs/Node"}}}
    schema = {"properties": {"first": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}}

    assert [("first", "password")] == secret_patterns(schema)


@pytest.mark.parametrize(
    "definitions",
    [
        {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{j}"} for j in range(12)]} for i in range(12)},
        {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(5_000)},
    ],
    ids=["wide", "deep"],
)
def test_a_schema_that_stands_for_too_much_is_refused(definitions: dict[str, Any]) -> None:
    """A small schema whose references multiply, or lead on and on, costs no more than a moment."""
    with pytest.raises(ValueError, match="make it simpler"):
        secret_patterns({"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions})


def test_masks_stand_in_the_place_of_secrets() -> None:
    """What is null is no secret; what a pattern does not reach is as it was; the data itself is not changed."""
    data = {
        "name": "x",
        "password": "swordfish",
        "none": None,
        "tokens": {"a": 1, "b": {"c": 2}},
        "list": [{"p": "q"}, 7],
    }
    patterns = Patterns([("password",), ("none",), ("tokens", ANY), ("list", ANY, "p"), ("missing",)])

    shown, secrets = patterns.split(data, MASK)

    assert {
        "name": "x",
        "password": MASK,
        "none": None,
        "tokens": {"a": MASK, "b": MASK},
        "list": [{"p": MASK}, 7],
    } == shown
    assert "swordfish" == data["password"]
    assert {("password",), ("tokens", "a"), ("tokens", "b"), ("list", "0", "p")} == set(secrets)


KEYS = st.sampled_from(["a", "b", ANY, "0"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


# How long the machine takes to make the data says nothing of the code.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(
    data=st.dictionaries(KEYS, JSON, max_size=3),
    patterns=st.lists(st.lists(KEYS, min_size=1, max_size=3).map(tuple), max_size=4),
)
def test_what_is_parted_comes_together_again(data: dict[str, Any], patterns: list[DataPath]) -> None:
    """Whatever the data and the patterns: masks and secrets make the data, and each secret's place is a pattern's."""
    parted = Patterns(patterns)
    shown, secrets = parted.split(data, MASK)

    assert all(parted.match(path) for path in secrets)
    assert data == join_secrets(shown, secrets)
