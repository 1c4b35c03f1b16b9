"""The rows, in the order of the table."""

from __future__ import annotations

from benchmarks.figure import Row
from benchmarks.rows import (
    cli_help,
    cloud,
    create,
    created_to_running,
    drain,
    empty_flows,
    empty_tasks,
    fibonacci,
    function,
    heartbeats,
    import_time,
    install,
    lists,
    memory,
    one_shot_script,
    persisted_tasks,
    schedule_error,
    stored_bytes,
    tick,
)

ROWS: tuple[Row, ...] = (
    install.ROW,
    import_time.ROW,
    cli_help.ROW,
    one_shot_script.ROW,
    empty_flows.ROW,
    empty_tasks.ROW,
    persisted_tasks.ROW,
    created_to_running.ROW,
    drain.ROW,
    schedule_error.ROW,
    fibonacci.ROW,
    create.ROW,
    lists.ROW,
    heartbeats.ROW,
    tick.ROW,
    memory.ROW,
    stored_bytes.ROW,
    function.ROW,
    cloud.ROW,
)
