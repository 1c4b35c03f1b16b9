"""`flow` and `task` of the product that `BENCH_PRODUCT` names, so that each workload is written once.

A workload starts with `from product import flow, task`: its own folder is the first where Python looks. DBOS calls them
workflow and step, names its database in code, and has to be launched once all of them are declared: `launch()`.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

NAME = os.environ["BENCH_PRODUCT"]

_product: Any = importlib.import_module(NAME)


def launch() -> None:
    """Begin running, once every flow and task is declared. Only DBOS has to be told."""
    if NAME == "dbos":
        _product.DBOS.launch()


def close() -> None:
    """End what runs in the background. Only DBOS has to be told."""
    if NAME == "dbos":
        _product.DBOS.destroy()


if NAME == "dbos":
    _home = Path(os.environ["DBOS_BENCH_HOME"])
    _product.DBOS(
        config={
            "name": "bench",
            "system_database_url": os.environ.get("DBOS_BENCH_DATABASE", f"sqlite:///{_home / 'dbos.db'}"),
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )
    flow, task = _product.DBOS.workflow, _product.DBOS.step
else:
    flow, task = _product.flow, _product.task
