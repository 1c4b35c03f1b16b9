"""What is committed and what is rolled back, and in what order: chosen programs, and any that there may be."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.transactions.programs import Block, Machine, Model, Part, Step

A, B, C = Step("a"), Step("b"), Step("c")
FAILS = Step("fails", fails=True)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        pytest.param(A, "run a, commit a", id="a task on its own is committed at its end"),
        pytest.param(FAILS, "run fails, raised", id="a task that fails has nothing to undo"),
        pytest.param(Block((A, B)), "run a, run b, commit a, commit b", id="all is committed at the end"),
        pytest.param(
            Block((A, B, FAILS)), "run a, run b, run fails, undo b, undo a, raised", id="the latest is undone first"
        ),
        pytest.param(Block((A,), fails=True), "run a, undo a, raised", id="what the block raises rolls back"),
        pytest.param(
            Block((A, Block((B,)), FAILS)),
            "run a, run b, run fails, undo b, undo a, raised",
            id="a transaction within shares the fate of that around it",
        ),
        pytest.param(
            Block((Block((A,), mode="EAGER"), B, FAILS)),
            "run a, commit a, run b, run fails, undo b, raised",
            id="an eager one does not",
        ),
        pytest.param(Block((A, FAILS), mode="EAGER"), "run a, commit a, run fails, raised", id="nor what is in one"),
        pytest.param(Block((A,), mode="OFF"), "run a, undo a", id="without commits all is rolled back"),
        pytest.param(Block((Block((A,), mode="OFF"),)), "run a, commit a", id="unless the one around commits"),
        pytest.param(Step("o", within=(A, B)), "run o, run a, run b, commit a, commit b, commit o", id="tasks in one"),
        pytest.param(
            Step("o", within=(A, FAILS)), "run o, run a, run fails, undo a, raised", id="a task undoes those within"
        ),
        pytest.param(
            Step("o", within=(Block((A,)),), fails=True), "run o, run a, undo a, raised", id="blocks in tasks too"
        ),
    ],
)
def test_chosen_programs(server: MemoryServer, style: Style, program: Part, expected: str) -> None:
    """Each of these does what its name says; and the model that judges all others knows it."""
    assert expected.split(", ") == Machine(style).run(program)
    assert expected.split(", ") == Model().run(program)


_NAMES = st.sampled_from("abc")
_RARELY = st.sampled_from([False, False, False, True])


def _larger(inner: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
    parts = st.lists(inner, max_size=3).map(tuple)
    modes = st.sampled_from([None, None, "EAGER", "LAZY", "OFF"])
    blocks = st.builds(Block, parts, modes, _RARELY, st.sampled_from([None, None, "k1", "k2"]))
    return blocks | st.builds(Step, _NAMES, _RARELY, st.booleans(), parts)


_PARTS = st.recursive(st.builds(Step, _NAMES, _RARELY, st.booleans()), _larger, max_leaves=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(runs=st.lists(st.lists(_PARTS, max_size=3), min_size=1, max_size=2))
def test_any_program_does_what_the_model_says(server: MemoryServer, style: Style, runs: list[list[Part]]) -> None:
    """Whatever is nested in whatever, the same things happen in the same order, and the same keys are stored."""
    machine, model = Machine(style), Model()
    for program in runs:
        assert model.run(*program) == machine.run(*program)
    assert model.stored == {key for key in machine.shelf.content if len(key) < 3}
