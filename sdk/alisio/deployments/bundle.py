"""Bundles: a project's folder as one archive, named by its content.

The same files make the same bytes: names are sorted, and times, owners and the umask are left out. What is
listed in `.alisioignore` (in the syntax of gitignore) stays out, as does what no flow needs; and Alisio's own home,
which holds keys, and the bundles that were made before.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alisio.contract.deployments import MAX_BUNDLE_BYTES
from alisio.deployments.failures import ProjectError
from alisio.settings import current_settings

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".alisioignore"
MAX_ENTRIES = 100_000
_ALWAYS_IGNORED = (
    ".git/", ".hg/", ".svn/", ".venv/", "venv/", "node_modules/", "__pycache__/", "*.py[cod]", "*.egg-info/",
    ".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".hypothesis/", ".tox/", ".nox/", ".ipynb_checkpoints/",
    ".idea/", ".vscode/", ".DS_Store", ".#*", "*.swp", ".env", ".alisio/",
)  # fmt: skip


@dataclass(frozen=True)
class Bundle:
    """An archive of a project.

    Attributes:
        content: The archive, a gzipped tar.
        sha256: Its name: the digest of the content, in hexadecimal.
        files: How many files are in it.
    """

    content: bytes
    sha256: str
    files: int

    @property
    def size(self) -> int:
        """The archive's size in bytes."""
        return len(self.content)


def build_bundle(root: Path) -> Bundle:
    """Pack a project's folder.

    Args:
        root: The folder; links inside it may point only inside it.

    Returns:
        The bundle.

    Raises:
        ProjectError: Something in the folder cannot be packed, or it holds more than 500 MB or 100,000 files.
    """
    root = root.resolve()
    try:
        members = list(_members(root))
        packed = io.BytesIO()
        with (
            gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for member in members:
                _add(archive, root, member)
    except OSError as error:
        raise ProjectError(f"cannot pack {error.filename or root}: {error.strerror or error}") from error
    content = packed.getvalue()
    files = sum(1 for member in members if not member.is_dir() or member.is_symlink())
    return Bundle(content, hashlib.sha256(content).hexdigest(), files)


def _members(root: Path) -> Iterator[Path]:
    ignored = _read_ignored(root)
    home = current_settings().home.resolve()
    sizes: dict[Path, int] = {}
    total = 0
    for folder, folder_names, file_names in os.walk(root, onerror=_raise):
        here = Path(folder)
        links = [name for name in folder_names if (here / name).is_symlink()]
        folder_names[:] = sorted(
            name
            for name in folder_names
            if name not in links and here / name != home and not ignored.match_file(_relative(here / name, root) + "/")
        )
        yield from (here / name for name in folder_names)
        for name in sorted([*file_names, *links]):
            path = here / name
            if not ignored.match_file(_relative(path, root)):
                sizes[path] = path.lstat().st_size
                total += sizes[path]
                if total > MAX_BUNDLE_BYTES or len(sizes) > MAX_ENTRIES:
                    raise ProjectError(_too_large(sizes, root))
                yield path


def _read_ignored(root: Path) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    path = root / IGNORE_FILE
    lines = list(_ALWAYS_IGNORED)
    if path.is_file():
        try:
            lines += path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise ProjectError(f"{path} is not text in UTF-8; correct it") from error
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise ProjectError(f"{path}: {error}") from error


def _too_large(sizes: dict[Path, int], root: Path) -> str:
    largest = sorted(sizes, key=lambda path: sizes[path], reverse=True)[:3]
    names = ", ".join(f"{_relative(path, root)} ({sizes[path] / 1e6:.0f} MB)" for path in largest)
    return (
        f"{root} holds more than {MAX_BUNDLE_BYTES // 1_000_000} MB or {MAX_ENTRIES:,} files; "
        f"list in {IGNORE_FILE} what the flow does "
        f"not need; the largest so far: {names}"
    )


def _add(archive: tarfile.TarFile, root: Path, path: Path) -> None:
    info = tarfile.TarInfo(_relative(path, root))
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        info.type = tarfile.SYMTYPE
        info.linkname = _safe_target(root, path)
        archive.addfile(info)
    elif stat.S_ISDIR(status.st_mode):
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(info)
    elif stat.S_ISREG(status.st_mode):
        info.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        content = path.read_bytes()
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    else:
        raise ProjectError(f"{path} is neither a file nor a folder; remove it or list it in {IGNORE_FILE}")


def _safe_target(root: Path, link: Path) -> str:
    target = link.resolve()
    if not target.is_relative_to(root):
        raise ProjectError(
            f"{link} is a link to {target}, outside of the project {root}; "
            f"copy what it points to, or list the link in {IGNORE_FILE}"
        )
    return os.path.relpath(target, link.parent.resolve())


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _raise(error: OSError) -> None:
    raise error
