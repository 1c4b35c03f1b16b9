"""The code of the functions: reproducible, small enough, and complete."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest

from cdk import assets
from cdk.stages import Architecture
from tests.ministack import PROGRAM

MAX_BYTES = 60_000_000
HANDLERS = ("api", "dead_letters", "migrate", "remove", "tick")


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.stat()
        digest.update(f"{path.relative_to(folder)} {status.st_mode:o} {status.st_mtime_ns}\n".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _bytes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.is_file())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Architecture], list[Path]]:
    """A function that gives the folders of an architecture's code, which was made twice."""

    @cache
    def make(architecture: Architecture) -> list[Path]:
        folders = []
        with pytest.MonkeyPatch.context() as patch:
            for name in ("first", "second"):
                patch.setattr(assets, "BUILD", tmp_path_factory.mktemp(name))
                folders.append(assets.build_functions(architecture).folder)
        return folders

    return make


@pytest.mark.parametrize("architecture", ["arm64", "host"])
def test_the_same_sources_give_the_same_bytes(
    architecture: Architecture, built: Callable[[Architecture], list[Path]]
) -> None:
    """No dates, no paths of this machine, and compiled modules that are the same each time."""
    assert 1 == len({_fingerprint(folder) for folder in built(architecture)})


def test_what_is_deployed_is_for_arm_and_small(built: Callable[[Architecture], list[Path]]) -> None:
    """Its libraries are for ARM alone; with the compiled modules it stays within what a cold start allows."""
    [folder, _] = built("arm64")
    libraries = {path.name.split(".")[-2] for path in folder.rglob("*-linux-gnu.so")}
    assert {"cpython-313-aarch64-linux-gnu"} == libraries
    # Only Python 3.13 compiles for it; what this one has compiled for itself is as large.
    compiled = _bytes(built("host")[0].rglob("*.pyc"))
    assert _bytes(path for path in folder.rglob("*") if path.suffix != ".pyc") + compiled <= MAX_BYTES


def test_no_library_of_ciphers_is_deployed(built: Callable[[Architecture], list[Path]]) -> None:
    """KMS encrypts there: 15 MB are left out, and no module of ours that is deployed would miss them."""
    [folder, _] = built("host")
    assert [] == [path.name for name in ("cryptography", "cffi", "pycparser") for path in folder.glob(f"*{name}*")]
    ours = [path for name in ("alisio", "alisio_server", "handlers") for path in (folder / name).rglob("*.py")]
    assert folder / "alisio_server/adapters/aws/kms.py" in ours
    importing = [path for path in ours if re.search(r"^\s*(import|from) (cryptography|cffi)\b", path.read_text(), re.M)]
    assert [] == importing


def test_modules_are_compiled_for_the_python_that_runs_them_and_never_looked_at_again(
    built: Callable[[Architecture], list[Path]],
) -> None:
    """All that a request imports is: on Lambda nothing can be written, so it would be compiled at each cold start."""
    [folder, _] = built("host")
    compiled = [path.relative_to(folder) for path in folder.rglob("*.pyc")]
    assert {sys.implementation.cache_tag} == {path.name.split(".")[1] for path in compiled}
    assert Path(importlib.util.cache_from_source("handlers/api.py")) in compiled
    head = (folder / importlib.util.cache_from_source("handlers/api.py")).read_bytes()[:8]
    assert importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") == head
    assert 0 == _bytes(built("arm64")[0].rglob("*.pyc")) or sys.version_info[:2] == (3, 13)


def test_every_handler_finds_all_that_it_imports(built: Callable[[Architecture], list[Path]], tmp_path: Path) -> None:
    """With boto3 beside it, as on Lambda, the code needs nothing else; it knows its own version."""
    if not PROGRAM.exists():
        pytest.skip("the Python that has boto3 and nothing of ours is not installed: make unit")
    [folder, _] = built("host")
    lines = [f"import handlers.{name}" for name in HANDLERS]
    lines.append("from alisio_server.version import version; print(version())")
    ended = subprocess.run(
        [PROGRAM.with_name("python"), "-B", "-c", "\n".join(lines)],
        env={"PYTHONPATH": str(folder), "POWERTOOLS_TRACE_DISABLED": "1", "AWS_DEFAULT_REGION": "eu-west-1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (ended.returncode, ended.stderr)
    assert "0+source" != ended.stdout.strip()


def test_what_was_made_from_the_same_sources_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second deployment does not install anything anew; a changed source does."""
    monkeypatch.setattr(assets, "BUILD", tmp_path)
    installed: list[Path] = []
    monkeypatch.setattr(assets, "_install", lambda folder, _architecture: installed.append(folder))
    first = assets.build_functions("arm64")
    assert first == assets.build_functions("arm64")
    assert 1 == len(installed)
    monkeypatch.setattr(assets, "_our_files", lambda: iter([(assets.ROOT / "LICENSE", Path("LICENSE"))]))
    assert first.digest != assets.build_functions("arm64").digest
    assert 2 == len(installed)


def test_what_cannot_be_installed_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason of pip is told, and nothing half-made is taken for whole later."""
    monkeypatch.setattr(assets, "BUILD", tmp_path)
    monkeypatch.setattr(assets, "_REQUIREMENTS", ("alisio-needs-no-such-distribution==0",))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(assets.AssetError, match=r"^the functions' dependencies could not be installed for arm64: .+$"):
        assets.build_functions("arm64")
    assert not (tmp_path / "functions-arm64.sha256").exists()
