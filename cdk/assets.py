"""The code of the functions: one folder of our packages and what they need, installed for where they run.

It is made without Docker from wheels alone, and the same sources give the same folder, byte for byte. Where the Python
that deploys is of the functions' version, it holds their compiled modules too.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cdk.stages import Architecture

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
PYTHON_VERSION = "3.13"
"""Of the functions' runtime."""

_REQUIREMENTS = (
    "alembic",
    "aws-lambda-powertools",
    "cronsim",
    "jsonschema",
    "psycopg2-binary",
    "pydantic",
    "python-dateutil",
    "referencing",
    "sqlalchemy",
    "tzdata",
)
"""What the server needs on AWS. boto3 is in the runtime; what serves a laptop or a terminal stays behind.

So do cryptography and the cffi and pycparser that it brings, 15 MB: on AWS it is KMS that encrypts.
"""
_OURS = {
    "functions/handlers": "handlers",
    "functions/alisio_server": "alisio_server",
    "sdk/alisio/contract": "alisio/contract",
}
_NOT_OURS = ("adapters/laptop", "embedded.py", "openapi.py")
_SINGLE_FILES = {"sdk/alisio/__init__.py": "alisio/__init__.py"}
_UNUSED = (
    *("*.dist-info/sboms", "*.dist-info/licenses", "bin", "greenlet", "greenlet-*.dist-info"),
    *("sqlalchemy/dialects/mssql", "sqlalchemy/dialects/mysql", "sqlalchemy/dialects/oracle"),
    *("sqlalchemy/orm", "sqlalchemy/testing"),
)
_SELDOM_IMPORTED = (
    r"/(alembic|attrs?|aws_lambda_powertools/utilities/(?!data_classes|typing)\w+|mako|sqlalchemy/dialects/sqlite"
    r"|sqlalchemy/ext)/"
)
"""What requests do without; compiled, it would only take room."""
# Amazon Linux 2023, on which Python 3.13 runs there, has glibc 2.34.
_PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_28_aarch64", "manylinux_2_34_aarch64")
_EPOCH = 315_532_800
"""1980-01-01, the first day that a zip archive can name."""


@dataclass(frozen=True)
class FunctionsCode:
    """The code of all functions.

    Attributes:
        folder: Where it lies.
        digest: Of all that it was made from.
    """

    folder: Path
    digest: str


class AssetError(Exception):
    """The code of the functions could not be put together."""


def build_functions(architecture: Architecture) -> FunctionsCode:
    """Make the code of the functions, unless it is there and made from the same sources.

    Args:
        architecture: Where it is to run: `arm64` on AWS, `host` on this machine and this Python.

    Raises:
        AssetError: Something that it needs could not be installed.
    """
    folder = BUILD / f"functions-{architecture}"
    stamp = BUILD / f"functions-{architecture}.sha256"
    digest = _digest(architecture)
    if folder.is_dir() and stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return FunctionsCode(folder, digest)
    BUILD.mkdir(exist_ok=True)
    # Two of these may be at it at once.
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=BUILD) as draft:
        made = Path(draft) / folder.name
        made.mkdir()
        _install(made, architecture)
        _copy_ours(made)
        if _runs_on_this_python(architecture):
            _compile(made)
        _make_uniform(made)
        stamp.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)
    stamp.write_text(digest, encoding="ascii")
    return FunctionsCode(folder, digest)


def _digest(architecture: Architecture) -> str:
    where: list[str] = [architecture] if architecture == "arm64" else [architecture, platform.machine()]
    if _runs_on_this_python(architecture):
        where.append(sys.version)
    digest = hashlib.sha256("\n".join(where).encode())
    for path in (Path(__file__), ROOT / "constraints.txt", *(source for source, _ in _our_files())):
        digest.update(f"\n{path.relative_to(ROOT).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _our_files() -> Iterator[tuple[Path, Path]]:
    """Yield each file of ours, and where it goes in the folder."""
    for source, target in _OURS.items():
        top = ROOT / source
        for path in sorted(top.rglob("*")):
            inner = path.relative_to(top)
            if path.is_file() and "__pycache__" not in inner.parts and not inner.as_posix().startswith(_NOT_OURS):
                yield path, Path(target) / inner
    for source, target in _SINGLE_FILES.items():
        yield ROOT / source, Path(target)


def _install(folder: Path, architecture: Architecture) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--target", str(folder), "--constraint", str(ROOT / "constraints.txt"), "--only-binary", ":all:"]
    if architecture == "arm64":
        command += ["--python-version", PYTHON_VERSION, "--implementation", "cp"]
        command += [argument for name in _PLATFORMS for argument in ("--platform", name)]
    ended = subprocess.run([*command, *_REQUIREMENTS], capture_output=True, text=True, check=False)
    if ended.returncode:
        reason = (ended.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise AssetError(f"the functions' dependencies could not be installed for {architecture}: {reason}")


def _runs_on_this_python(architecture: Architecture) -> bool:
    """Tell whether the functions run on the version of Python that deploys them, which alone can compile for it."""
    return architecture == "host" or sys.version.startswith(f"{PYTHON_VERSION}.")


def _compile(folder: Path) -> None:
    """Compile the modules. Lambda would do it in each environment that starts, since it cannot write them there."""
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-x", _SELDOM_IMPORTED, "-s", str(folder), "-p", "/var/task", str(folder)]
    # With another seed the bytes of sets of constants would come in another order.
    ended = subprocess.run(command, env={"PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise AssetError(f"the functions could not be compiled: {' '.join(ended.stdout.split())}")


def _copy_ours(folder: Path) -> None:
    for source, target in _our_files():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / target)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # From here the server reads its own version.
    metadata = folder / f"alisio-{project['version']}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: alisio\nVersion: {project['version']}\n", encoding="utf-8")


def _make_uniform(folder: Path) -> None:
    """Remove what is of no use there, and whatever differs from one machine or day to another."""
    for pattern in _UNUSED:
        for path in folder.glob(pattern):
            shutil.rmtree(path)
    for record in folder.glob("*.dist-info/*"):
        if re.fullmatch(r"RECORD|INSTALLER|REQUESTED|direct_url\.json", record.name):
            record.unlink()
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in [*files, *folders]:
            path = Path(parent) / name
            path.chmod(0o755 if path.is_dir() else 0o644)
            os.utime(path, (_EPOCH, _EPOCH))
