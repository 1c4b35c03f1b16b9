"""Logs of runs: the run's logger, the console, and the way to what is kept with the run.

Nothing is set up at import: the first run that starts puts the handlers on the `alisio` logger, and on those
that `ALISIO_LOGGING_EXTRA_LOGGERS` names; or does what `logging.yml` says.
"""

from alisio.logging.configuration import set_up
from alisio.logging.formatters import ConsoleFormatter
from alisio.logging.loggers import (
    RunLogger,
    capture_prints,
    disable_run_logger,
    flow_run_logger,
    get_logger,
    get_run_logger,
    task_run_logger,
)

__all__ = [
    "ConsoleFormatter",
    "RunLogger",
    "capture_prints",
    "disable_run_logger",
    "flow_run_logger",
    "get_logger",
    "get_run_logger",
    "set_up",
    "task_run_logger",
]
