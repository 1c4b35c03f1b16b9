"""The CDK app of an installed package: all of it is carried, and laid out as it lies in the repository."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from alisio.cloud import places

ROOT = Path(__file__).resolve().parents[3]
CARRIED = "alisio/cloud/app/"


def _force_included() -> dict[str, str]:
    """Read what the wheel carries besides its packages: each place in it, by the place in the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included: dict[str, str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    return included


def _needed() -> list[str]:
    """List the files that deploying takes."""
    sources = [*(ROOT / "cdk").rglob("*.py"), *(ROOT / "functions" / "handlers").rglob("*.py")]
    found = [path.relative_to(ROOT).as_posix() for path in sources if "node_modules" not in path.parts]
    return [*found, "cdk/package.json", "cdk/package-lock.json", "cdk/.npmrc", "cdk.json", "constraints.txt"]


def test_the_wheel_carries_all_that_deploying_takes() -> None:
    """A new file of the app, or a handler, cannot be forgotten in the wheel."""
    included = _force_included()
    covered = [path for path in _needed() if path in included or any(path.startswith(f"{top}/") for top in included)]

    assert _needed() == covered
    assert {f"{CARRIED}{place}" for place in included} == set(included.values())


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that was installed, and an empty cache; gives the folder of the cache."""
    site = tmp_path / "site"
    for place, package in (
        ("sdk/alisio", "alisio"),
        ("functions/alisio_server", "alisio_server"),
        ("agent/alisio_agent", "alisio_agent"),
    ):
        shutil.copytree(ROOT / place, site / package)
    for place, target in _force_included().items():
        (site / target).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / place).is_dir() else shutil.copyfile
        copy(ROOT / place, site / target)
    monkeypatch.setattr(places, "_PACKAGE", site / "alisio")
    monkeypatch.setattr(places, "_CARRIED", site / "alisio" / "cloud" / "app")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_installed_app_is_laid_out_as_in_the_repository(installed: Path) -> None:
    """Each file that deploying takes is there with its content, and the packages beside it."""
    app = places.find_app()

    assert app.is_relative_to(installed)
    different = [place for place in _needed() if (app / place).read_bytes() != (ROOT / place).read_bytes()]
    assert [] == different
    for package in ("sdk/alisio/contract", "functions/alisio_server/app.py", "agent/alisio_agent/agent.py"):
        assert (app / package).exists()
    assert not (app / "sdk" / "alisio" / "cloud" / "app").exists()


@pytest.mark.usefixtures("installed")
def test_an_app_is_laid_out_once_for_each_installation() -> None:
    """It stays, with what npm and pip have put there, until the package changes."""
    first = places.find_app()
    (first / "mark").touch()

    assert first == places.find_app()
    assert (first / "mark").exists()


def test_in_a_clone_the_app_is_the_clone() -> None:
    """Whoever changes a stage's settings there sees them deployed."""
    assert places.find_app() == ROOT
