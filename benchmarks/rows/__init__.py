"""The rows, in the order of the table."""

from __future__ import annotations

from benchmarks.figure import Row
from benchmarks.rows import api_creation, cli_help, created_to_running, import_time, one_shot_script

ROWS: tuple[Row, ...] = (
    import_time.ROW,
    cli_help.ROW,
    one_shot_script.ROW,
    created_to_running.ROW,
    api_creation.ROW,
)
