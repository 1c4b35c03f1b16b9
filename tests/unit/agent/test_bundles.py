"""Bundles: archives that nobody vouches for, the cache, and the code of a run."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from alisio_agent.supervisor import bundles
from alisio_agent.supervisor.bundles import BundleError, extract, prepare_code

Entry = tuple[tarfile.TarInfo, bytes]


def entry(name: str, content: bytes = b"", **attributes: Any) -> Entry:
    """Make an entry of an archive."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info, content


def archive(*entries: Entry) -> bytes:
    """Make a gzipped tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_extract(tmp_path: Path) -> None:
    """Files, folders and links that stay inside are unpacked; of the modes only "executable" is kept."""
    content = archive(
        entry("src", type=tarfile.DIRTYPE),
        entry("src/flow.py", b"x = 1", mode=0o600),
        entry("deep/er/run.sh", b"#!", mode=0o4777),
        entry("link.py", type=tarfile.SYMTYPE, linkname="src/flow.py"),
    )
    extract(io.BytesIO(content), tmp_path / "out")
    assert b"x = 1" == (tmp_path / "out" / "link.py").read_bytes()
    assert 0o644 == (tmp_path / "out" / "src" / "flow.py").stat().st_mode & 0o7777
    assert 0o755 == (tmp_path / "out" / "deep" / "er" / "run.sh").stat().st_mode & 0o7777


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([entry("/etc/evil", b"x")], id="absolute path"),
        pytest.param([entry("../evil", b"x")], id="dots"),
        pytest.param([entry("a/../../evil", b"x")], id="dots within"),
        pytest.param([entry("l", type=tarfile.SYMTYPE, linkname="/etc/passwd")], id="absolute link"),
        pytest.param([entry("a/l", type=tarfile.SYMTYPE, linkname="../../evil")], id="link out"),
        pytest.param([entry("l", type=tarfile.SYMTYPE, linkname="."), entry("l/evil", b"x")], id="file behind a link"),
        pytest.param(
            [
                entry("x", type=tarfile.SYMTYPE, linkname="d/.."),
                entry("d", type=tarfile.SYMTYPE, linkname="."),
            ],
            id="chain of links out",
        ),
        pytest.param([entry("f", type=tarfile.SYMTYPE, linkname="g"), entry("f", b"x")], id="file over a link"),
        pytest.param([entry("h", type=tarfile.LNKTYPE, linkname="/etc/passwd")], id="hard link"),
        pytest.param([entry("p", type=tarfile.FIFOTYPE)], id="pipe"),
        pytest.param([entry("d", type=tarfile.CHRTYPE, devmajor=1, devminor=3)], id="device"),
    ],
)
def test_attacks(tmp_path: Path, entries: list[Entry]) -> None:
    """What would reach outside, or is neither a file, a folder nor a link, is refused and writes nothing there."""
    (tmp_path / "in").mkdir()
    with pytest.raises((BundleError, FileExistsError)):
        extract(io.BytesIO(archive(*entries)), tmp_path / "in" / "out")
    assert ["in"] == [path.name for path in tmp_path.iterdir()]
    assert ["out"] == [path.name for path in (tmp_path / "in").iterdir()]


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that unpacks to too much, or to too many entries, is refused before it is written."""
    monkeypatch.setattr(bundles, "MAX_UNPACKED_BYTES", 1_000_000)
    monkeypatch.setattr(bundles, "MAX_ENTRIES", 10)
    with pytest.raises(BundleError, match="larger than"):
        extract(io.BytesIO(archive(entry("zeros", bytes(1_000_001)))), tmp_path / "big")
    assert [] == [*(tmp_path / "big").iterdir()]
    with pytest.raises(BundleError, match="larger than"):
        extract(io.BytesIO(archive(*(entry(str(number)) for number in range(11)))), tmp_path / "many")


@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", gzip.compress(b"no tar"), archive(entry("a", b"x" * 5_000))[:-20]],
    ids=["empty", "no gzip", "no tar", "cut off"],
)
def test_damaged(tmp_path: Path, content: bytes) -> None:
    """What is no whole archive is refused with one line."""
    with pytest.raises(BundleError, match="damaged"):
        extract(io.BytesIO(content), tmp_path / "out")


class _Files(BaseHTTPRequestHandler):
    files: dict[str, bytes]
    failures: list[int]
    cuts: list[int]
    requests: list[str]

    def do_GET(self) -> None:
        self.requests.append(self.path)
        status = self.failures.pop() if self.failures else 200
        content = self.files.get(self.path, b"")
        self.send_response(status if self.path in self.files else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.cuts.pop() if self.cuts else None])

    def log_message(self, *_arguments: object) -> None:
        return


Serve = Callable[[bytes], dict[str, Any]]


@pytest.fixture
def handler() -> type[_Files]:
    """What answers: its files, the statuses of its next answers and where they are cut off, and the requests so far."""
    return type("Files", (_Files,), {"files": {}, "failures": [], "cuts": [], "requests": []})


@pytest.fixture
def serve(handler: type[_Files], tmp_path: Path) -> Iterator[Serve]:
    """Serves a bundle, and gives a job that has it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def make(content: bytes) -> dict[str, Any]:
        sha256 = hashlib.sha256(content).hexdigest()
        url = f"/api/bundles/{sha256}/content"
        handler.files[url] = content
        return {
            "api_url": f"http://127.0.0.1:{server.server_address[1]}/api",
            "home": str(tmp_path / "home"),
            "bundle": {"sha256": sha256, "size": len(content), "url": url},
            "path": None,
        }

    yield make
    server.shutdown()
    server.server_close()


def folder_of(tmp_path: Path, name: str) -> Path:
    """Make a run's folder."""
    folder = tmp_path / "home" / "runs" / name
    folder.mkdir(parents=True)
    return folder


def test_cached(serve: Serve, handler: type[_Files], tmp_path: Path) -> None:
    """A bundle is downloaded once; each run works on a copy of its own."""
    job = serve(archive(entry("flow.py", b"x = 1")))
    first = prepare_code(job, folder_of(tmp_path, "a"))
    (first / "flow.py").write_text("changed by the run")
    second = prepare_code(job, folder_of(tmp_path, "b"))
    assert "x = 1" == (second / "flow.py").read_text()
    assert 1 == len(handler.requests)


def test_two_at_once(serve: Serve, tmp_path: Path) -> None:
    """Supervisors that unpack the same bundle at the same time do not get in each other's way."""
    job = serve(archive(*(entry(f"{number}.py", b"x") for number in range(200))))
    folders = [folder_of(tmp_path, str(number)) for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        codes = list(threads.map(lambda folder: prepare_code(job, folder), folders))
    assert [200] * 4 == [len([*code.iterdir()]) for code in codes]
    assert 1 == len([*(tmp_path / "home" / "bundles").iterdir()])


@pytest.mark.parametrize("forge", [lambda right: right[::-1], lambda right: right[:9], lambda right: right + b"more"])
def test_wrong_content(serve: Serve, handler: type[_Files], tmp_path: Path, forge: Callable[[bytes], bytes]) -> None:
    """Content that does not fit its name, of whatever length, is refused at once, and not kept."""
    job = serve(archive(entry("flow.py", b"x = 1")))
    (url,) = handler.files
    handler.files[url] = forge(handler.files[url])
    with pytest.raises(BundleError, match="does not fit its name"):
        prepare_code(job, folder_of(tmp_path, "a"))
    assert 1 == len(handler.requests)
    assert not (tmp_path / "home" / "bundles").exists()


def test_cut_off(serve: Serve, handler: type[_Files], tmp_path: Path) -> None:
    """A download that ends before its server said it would is tried again."""
    job = serve(archive(entry("flow.py", b"x = 1")))
    handler.cuts.append(9)
    assert (prepare_code(job, folder_of(tmp_path, "a")) / "flow.py").exists()
    assert 2 == len(handler.requests)


def test_missing(serve: Serve, handler: type[_Files], tmp_path: Path) -> None:
    """A bundle that the server does not have is not waited for."""
    job = serve(archive(entry("flow.py", b"x = 1")))
    handler.files.clear()
    with pytest.raises(BundleError, match="answers 404"):
        prepare_code(job, folder_of(tmp_path, "a"))


def test_server_away_for_a_moment(serve: Serve, handler: type[_Files], tmp_path: Path) -> None:
    """A download is tried again while its server is away."""
    job = serve(archive(entry("flow.py", b"x = 1")))
    handler.failures.append(503)
    assert (prepare_code(job, folder_of(tmp_path, "a")) / "flow.py").exists()
    assert 2 == len(handler.requests)
