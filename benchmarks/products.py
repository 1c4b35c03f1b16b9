"""The products that are measured side by side: where each is installed, and how its workloads are run.

`make bench` makes one environment for each, with what a user gets from `pip install`. Whatever needs a server is in
`benchmarks.stacks`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.processes import output_of

ROOT = Path(__file__).parents[1]
WORKLOADS = Path(__file__).with_name("workloads")
_OURS_AND_THEIRS = ("ALISIO_", "PREFECT_", "DBOS_")


@dataclass(frozen=True)
class Product:
    """One of the products.

    Attributes:
        name: The package that users import, which is also the command.
        label: What tables call it.
        folder: The environment that it is installed in, below the repository.
        home_variable: The variable that says where it keeps its database and files.
        database: The SQLite file that it makes there.
        settings: Further variables for all its processes.
    """

    name: str
    label: str
    folder: str
    home_variable: str
    database: str
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def python(self) -> str:
        """The interpreter that it is installed for."""
        return str(ROOT / self.folder / "bin" / "python")

    @property
    def command(self) -> str:
        """Its command."""
        return str(ROOT / self.folder / "bin" / self.name)

    def environment(self, home: Path) -> dict[str, str]:
        """Give the environment of processes that know no server: they use a database of their own in `home`."""
        mine = {self.home_variable: str(home), "BENCH_PRODUCT": self.name}
        return clean_environment() | dict(self.settings) | mine

    def database_url(self, home: Path) -> str:
        """Where those processes store what they do, as SQLAlchemy names it."""
        return f"sqlite:///{home / self.database}"

    def run_workload(
        self, workload: str, *arguments: object, environment: Mapping[str, str], within: float = 300
    ) -> dict[str, Any]:
        """Run one of the scripts under `workloads/` to its end.

        Args:
            workload: The script's name, without `.py`.
            arguments: What it reads from `sys.argv`.
            environment: Of the process: `environment(home)`, or that of a stack.
            within: Seconds after which it is given up.

        Returns:
            The JSON object that it printed as its last line.

        Raises:
            RuntimeError: The script failed.
        """
        command = [self.python, str(WORKLOADS / f"{workload}.py"), *map(str, arguments)]
        return dict(json.loads(output_of(command, environment, within=within).strip().splitlines()[-1]))

    def run(self, *arguments: str, environment: Mapping[str, str], cwd: Path | None = None) -> str:
        """Run the product's command to its end and return what it printed.

        Raises:
            RuntimeError: The command failed.
        """
        return output_of([self.command, *arguments], environment, cwd=cwd)


ALISIO = Product("alisio", "Alisio", ".venv-bench", "ALISIO_HOME", "alisio.db")
PREFECT = Product(
    "prefect",
    "Prefect",
    ".venv-prefect",
    "PREFECT_HOME",
    "prefect.db",
    {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # It gives up sooner than a busy machine starts it; the figures count what it takes, however long.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_CLI_COLORS": "false",
    },
)
DBOS = Product("dbos", "DBOS", ".venv-dbos", "DBOS_BENCH_HOME", "dbos.db")
PRODUCTS = (ALISIO, PREFECT, DBOS)


def clean_environment() -> dict[str, str]:
    """Give our environment without what would change the figures.

    Settings of the products go, and the ban on compiled files: an installed package comes with its modules compiled.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS_AND_THEIRS)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept
