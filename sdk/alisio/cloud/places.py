"""Where the CDK app lies that the commands deploy, and where they keep the tools that they install.

In a clone of the repository the app is the repository. An installed package brings the same files: its own modules, and
beside them, in `alisio/cloud/app/`, what is no module. They are laid out anew as they lie in the repository.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import alisio

_PACKAGE = Path(alisio.__file__).resolve().parent
_CARRIED = _PACKAGE / "cloud" / "app"
_NO_SOURCES = shutil.ignore_patterns("__pycache__", "*.pyc")


def find_app() -> Path:
    """Tell the folder of the CDK app, where `cdk.json` is.

    Raises:
        OSError: It cannot be laid out in the cache.
    """
    repository = _PACKAGE.parents[1]
    if (repository / "cdk.json").is_file():
        return repository
    folder = cache_folder() / f"app-{alisio.__version__}-{_fingerprint()}"
    if not folder.is_dir():
        _lay_out(folder)
    return folder


def cache_folder() -> Path:
    """Tell the folder for what can be made again: `$XDG_CACHE_HOME/alisio`, or `~/.cache/alisio`."""
    top = os.environ.get("XDG_CACHE_HOME")
    return (Path(top) if top else Path.home() / ".cache").absolute() / "alisio"


def _packages() -> dict[str, Path]:
    """Tell where each package of the distribution lies, by its place in the repository."""
    installed = _PACKAGE.parent
    return {
        "sdk/alisio": _PACKAGE,
        "functions/alisio_server": installed / "alisio_server",
        "agent/alisio_agent": installed / "alisio_agent",
    }


def _fingerprint() -> str:
    """Tell one installation's files apart from another's, by their names, sizes and times."""
    seen = hashlib.sha256()
    for package in _packages().values():
        for path in sorted(package.rglob("*.py")):
            stat = path.stat()
            seen.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return seen.hexdigest()[:12]


def _lay_out(folder: Path) -> None:
    """Make the app's folder, whole or not at all."""
    draft = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.copytree(_CARRIED, draft, ignore=_NO_SOURCES)
    for place, package in _packages().items():
        without = shutil.ignore_patterns("__pycache__", "app") if package == _PACKAGE else _NO_SOURCES
        shutil.copytree(package, draft / place, ignore=without)
    draft.rename(folder)
