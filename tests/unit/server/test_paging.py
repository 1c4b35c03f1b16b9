from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alisio_server.database.queries.paging import Order, decode_cursor, encode_cursor
from alisio_server.database.tables import flow, flow_run, log
from alisio_server.errors import InvalidInputError

BY_TIME = Order("by_time", (flow_run.c.created, flow_run.c.id))
BY_NAME = Order("by_name", (flow.c.name, flow.c.id))
BY_ROW = Order("by_row", (log.c.id,))


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_cursor_keeps_times_and_ids(created: datetime, run_id: UUID) -> None:
    """A cursor gives back the sort key to the microsecond."""
    assert [created, run_id] == decode_cursor(BY_TIME, encode_cursor(BY_TIME, [created, run_id]))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), st.uuids())
def test_cursor_keeps_names(name: str, flow_id: UUID) -> None:
    """A cursor gives back any text."""
    assert [name, flow_id] == decode_cursor(BY_NAME, encode_cursor(BY_NAME, [name, flow_id]))


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "====",
        "bm90IGpzb24",
        encode_cursor(BY_NAME, ["a", UUID(int=1)]),
        encode_cursor(Order("by_row", (log.c.id, log.c.id)), [1, 2]),
        encode_cursor(Order("by_row", (flow.c.name,)), ["1"]),
        encode_cursor(BY_ROW, [2**70]),
        encode_cursor(Order("by_row", (log.c.id,)), [True]),
    ],
)
def test_foreign_cursor_is_refused(cursor: str) -> None:
    """What this listing did not give is refused with a code and the field, whatever it is."""
    with pytest.raises(InvalidInputError) as caught:
        decode_cursor(BY_ROW, cursor)

    assert ("invalid_cursor", "cursor") == (caught.value.code, caught.value.field)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(cursor: str) -> None:
    """Any text is either a cursor or an `invalid_cursor`; nothing else is raised."""
    try:
        decode_cursor(BY_TIME, cursor)
    except InvalidInputError as error:
        assert "invalid_cursor" == error.code
