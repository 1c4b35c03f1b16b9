"""Getting a run's code: download, check, cache, and copy into the run's own folder."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import random
import shutil
import tarfile
import time
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from alisio_agent.supervisor.api import open_connection
from alisio_agent.supervisor.timing import back_off

MAX_ENTRIES = 100_000
MAX_UNPACKED_BYTES = 2_000_000_000
MAX_DEPTH = 100
MAX_LINKS = 10_000
_HEADER_BYTES = 1_048_576
_CHUNK_BYTES = 1_048_576
_TIMEOUT_SECONDS = 30.0
_GIVE_UP_SECONDS = 600.0
Headers = dict[str, str]
_TRY_AGAIN = frozenset({429, 502, 503, 504})


class BundleError(Exception):
    """The code cannot be made ready. The text is one line."""


def prepare_code(job: dict[str, Any], folder: Path, authorization: Headers | None = None) -> Path:
    """Make a run's code ready.

    Args:
        job: The job; `bundle`, `path`, `home` and `api_url` are read.
        folder: The run's own folder.
        authorization: Headers for the API, and for nobody else.

    Returns:
        Where the code lies: a fresh copy of the bundle, or the job's `path`, or else the empty folder.

    Raises:
        BundleError: It cannot be had, is not what it should be, or cannot be written.
    """
    bundle = job.get("bundle")
    if bundle is not None:
        try:
            return _unpack_bundle(job, bundle, folder, authorization)
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            raise BundleError(f"the bundle cannot be unpacked on this host: {error.strerror}{place}") from error
    if job.get("path") is None:
        return folder
    path = Path(job["path"]).expanduser()
    if not path.is_dir():
        raise BundleError(f"the folder {path}, where the flow's code should lie, is not on this host")
    return path


def _unpack_bundle(job: dict[str, Any], bundle: dict[str, Any], folder: Path, authorization: Headers | None) -> Path:
    cached = Path(job["home"]) / "bundles" / str(bundle["sha256"])
    if not cached.is_dir():
        archive = folder / "bundle.tar.gz"
        is_of_api = bundle["url"].startswith("/api/")
        url = job["api_url"].rstrip("/").removesuffix("/api") + bundle["url"] if is_of_api else bundle["url"]
        download(url, archive, bundle["sha256"], bundle["size"], authorization if is_of_api else None)
        fresh = folder / "unpacked"
        with archive.open("rb") as stream:
            extract(stream, fresh)
        archive.unlink()
        _publish(fresh, cached)
    code = folder / "code"
    shutil.copytree(cached, code, symlinks=True)
    return code


def _publish(fresh: Path, cached: Path) -> None:
    """Move a folder to its place in the cache; where another supervisor was quicker, its copy is as good."""
    cached.parent.mkdir(parents=True, exist_ok=True)
    try:
        fresh.rename(cached)
    except OSError:
        if not cached.is_dir():
            raise
        shutil.rmtree(fresh)


def download(url: str, target: Path, sha256: str, size: int, headers: Headers | None = None) -> None:
    """Fetch a file, again with growing pauses while its server is away (for ten minutes).

    Args:
        url: Where it lies; http or https.
        target: The file to write.
        sha256: The digest that the content must have.
        size: How many bytes it has; no more are read.
        headers: What to send along.

    Raises:
        BundleError: It cannot be had, or is not what it should be.
        OSError: It cannot be written.
    """
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    failures = 0
    while True:
        reason = _try_download(url, target, sha256, size, headers or {})
        if reason is None:
            return
        failures += 1
        pause = back_off(failures, random.random())
        if time.monotonic() + pause > deadline:
            raise BundleError(f"the bundle cannot be downloaded from {urlsplit(url).netloc}: {reason}")
        time.sleep(pause)


def _try_download(url: str, target: Path, sha256: str, size: int, headers: Headers) -> str | None:
    address = urlsplit(url)
    connection = open_connection(address, _TIMEOUT_SECONDS)
    path = address.path + (f"?{address.query}" if address.query else "")
    digest = hashlib.sha256()
    length = 0
    with target.open("wb") as file:
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            if response.status in _TRY_AGAIN:
                return f"status {response.status}"
            if response.status != 200:
                raise BundleError(f"the bundle cannot be downloaded: {address.netloc} answers {response.status}")
            while (chunk := _read(response)) and length <= size:
                file.write(chunk)
                digest.update(chunk)
                length += len(chunk)
        except (ConnectionError, TimeoutError, http.client.HTTPException, _TransferError) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()
    # What is as long as its server says is whole, though it be shorter than the bundle: another try gives the same.
    if length < size and response.length != 0:
        return "the connection ended too early"
    if digest.hexdigest() != sha256:
        raise BundleError(f"the bundle's content does not fit its name: it is not {sha256[:12]}…; deploy again")
    return None


class _TransferError(Exception):
    """Reading from the network failed: told apart from a failure to write to disk."""


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(_CHUNK_BYTES)
    except OSError as error:
        raise _TransferError(str(error)) from error


def extract(archive: BinaryIO, target: Path) -> None:
    """Unpack a gzipped tar archive that nobody vouches for.

    Only files, folders, and symbolic links that stay inside are taken.

    Args:
        archive: The archive's bytes.
        target: The folder to make.

    Raises:
        BundleError: The archive is damaged, too large, or has an entry that would reach outside.
        OSError: The folder cannot be written.
    """
    target.mkdir()
    links: list[Path] = []
    try:
        with gzip.open(archive) as stream:
            _extract_entries(_Rationed(stream), target, links)
    except (tarfile.TarError, EOFError, ValueError, RecursionError, zlib.error, gzip.BadGzipFile) as error:
        raise BundleError(f"the bundle is damaged: {error}") from error
    root = target.resolve()
    for link in links:
        if not _leads_inside(link, root):
            raise BundleError(f"the bundle is refused: the link {str(link.relative_to(target))!r} leads outside")


class _Rationed:
    """A stream that gives no more than was allowed, as tarfile keeps in memory whatever headers pretend to be.

    Args:
        stream: What to read from.
    """

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = _HEADER_BYTES

    def allow(self, content_bytes: int) -> None:
        """Allow the content of an entry to be read, and the headers of the next."""
        self._left = content_bytes + _HEADER_BYTES

    def read(self, size: int) -> bytes:
        """Read.

        Raises:
            BundleError: It is more than was allowed.
        """
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise BundleError("the bundle is refused: the headers of an entry have more than a megabyte")
        return data


def _extract_entries(archive: _Rationed, target: Path, links: list[Path]) -> None:
    stream = cast("BinaryIO", archive)  # of a stream, tarfile asks only to read
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        size = 0
        for count, entry in enumerate(tar, start=1):
            if entry.size < 0:
                raise BundleError(f"the bundle is damaged: the size of {entry.name!r} is negative")
            size += entry.size
            if count > MAX_ENTRIES or size > MAX_UNPACKED_BYTES:
                raise BundleError("the bundle is refused: unpacked it is larger than 2 GB or 100,000 entries")
            archive.allow(entry.size)
            _extract_entry(tar, entry, target, links)
            if len(links) > MAX_LINKS:
                raise BundleError(f"the bundle is refused: it has more than {MAX_LINKS:,} links")


def _leads_inside(link: Path, root: Path) -> bool:
    try:
        return link.resolve().is_relative_to(root)
    except (RuntimeError, OSError):  # links in a circle, or in a chain without end
        return False


def _extract_entry(tar: tarfile.TarFile, entry: tarfile.TarInfo, target: Path, links: list[Path]) -> None:
    path = _place(entry.name, target)
    if entry.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry.issym():
        path.symlink_to(entry.linkname)
        links.append(path)
        return
    source = tar.extractfile(entry) if entry.isreg() else None
    if source is None:
        raise BundleError(f"the bundle is refused: {entry.name!r} is neither a file, a folder nor a symbolic link")
    # "x": a second entry of the same name could write through a link that the first one made.
    with path.open("xb") as file:
        shutil.copyfileobj(source, file, _CHUNK_BYTES)
    path.chmod(0o755 if entry.mode & 0o100 else 0o644)


def _place(name: str, target: Path) -> Path:
    """Tell where an entry goes; refuse what is outside, or behind a link that an earlier entry made."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        raise BundleError(f"the bundle is refused: the entry {name!r} lies outside of it")
    if len(pure.parts) > MAX_DEPTH:
        raise BundleError(f"the bundle is refused: an entry lies more than {MAX_DEPTH} folders deep")
    path = target
    for part in pure.parts:
        if path.is_symlink():
            raise BundleError(f"the bundle is refused: the entry {name!r} lies behind a link")
        path = path / part
    return path
