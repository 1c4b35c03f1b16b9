"""Run names from templates whose parameters are anybody's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alisio import flow
from alisio.engine.run_names import MAX_NAME, make_run_name
from alisio.exceptions import ParameterError


def name_of(template: str, **parameters: Any) -> str | None:
    """Name a run of a flow with this template."""

    @flow(name="named", flow_run_name=template)
    def named(x: str = "", n: int = 0, width: int = 0) -> None: ...

    return make_run_name(named, parameters)


@pytest.mark.parametrize("spec", ["{x:>999999999}", "{x:{width}}", "{n:.999999999f}", "{n:0999999999d}"])
def test_padding_is_bounded(spec: str) -> None:
    """A width that makes a text of gigabytes is refused, and the line names the flow."""
    with pytest.raises(ParameterError, match="'named' does not fit the parameters: a width or precision of more"):
        name_of(spec, x="a", n=7, width=999_999_999)


@given(st.text(min_size=1) | st.sampled_from(["{x.__class__}", "{0}", "{x!r:>9}", "%s", "{", "\0", "\u202e", "👩‍👩‍👧"]))
def test_values_are_no_templates(value: str) -> None:
    """What stands in a parameter is never read as a template, in whatever script it is."""
    name = name_of("run-{x}", x=value)
    assert name is not None
    expected = f"run-{value}".replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()
    assert expected[: MAX_NAME - 1] == name[: MAX_NAME - 1]
    assert MAX_NAME >= len(name)
