"""The code of the functions: reproducible, small enough, and complete."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from cdk import assets
from tests.ministack import PROGRAM

MAX_BYTES = 60_000_000
HANDLERS = ("api", "dead_letters", "migrate", "remove_queues", "tick")


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.stat()
        digest.update(f"{path.relative_to(folder)} {status.st_mode:o} {status.st_mtime_ns}\n".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For ARM, on any machine: no compiled bytecode, no dates, no paths. It is within what a cold start allows."""
    fingerprints = set()
    for name in ("first", "second"):
        monkeypatch.setattr(assets, "BUILD", tmp_path / name)
        folder = assets.build_functions("arm64").folder
        fingerprints.add(_fingerprint(folder))
    assert 1 == len(fingerprints)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MAX_BYTES
    libraries = {path.name.split(".")[-2] for path in files if path.name.endswith("-linux-gnu.so")}
    assert {"cpython-313-aarch64-linux-gnu"} == libraries
    assert not list(folder.rglob("__pycache__"))


def test_every_handler_finds_all_that_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With boto3 beside it, as on Lambda, the code needs nothing else; it knows its own version."""
    if not PROGRAM.exists():
        pytest.skip("the Python that has boto3 and nothing of ours is not installed: make unit")
    monkeypatch.setattr(assets, "BUILD", tmp_path)
    folder = assets.build_functions("host").folder
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
