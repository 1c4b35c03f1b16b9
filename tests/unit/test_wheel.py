"""What those who install the package are given."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[2]
TYPED = ("alisio", "alisio_dask", "alisio_ray")


def test_type_checkers_read_the_packages(tmp_path: Path) -> None:
    """The wheel says of each package that users import that its annotations count, and holds all its packages."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert 0 == done.returncode, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    names = set(ZipFile(wheel).namelist())
    assert {f"{package}/py.typed" for package in TYPED} <= names
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert f"{Path(package).name}/__init__.py" in names
