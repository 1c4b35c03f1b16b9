"""Bundles that nobody vouches for: nothing is written outside, and bombs are refused before they go off."""

from __future__ import annotations

import gzip
import io
import multiprocessing
import resource
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alisio_agent.supervisor.bundles import BundleError, extract

MEGABYTE = 1_048_576
MEMORY = 300 * MEGABYTE
"""Address space for unpacking a bomb: what an interpreter takes, and little more."""

NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "/", "c\\d", "é", "\u202e", "n" * 200]), max_size=4).map(
    "/".join
)
TYPES = st.sampled_from(
    [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, b"?"]
)
ENTRIES = st.lists(st.tuples(NAMES, TYPES, NAMES, st.binary(max_size=20)), max_size=8)


def packed(parts: Iterable[bytes]) -> bytes:
    """Gzip a tar archive that is given in parts."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as file:
        for part in parts:
            file.write(part)
    return buffer.getvalue()


def header(kind: bytes, size: int, **attributes: object) -> bytes:
    """Make the header of one entry."""
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = kind, size
    for name, value in attributes.items():
        setattr(entry, name, value)
    return entry.tobuf(tarfile.PAX_FORMAT)


def tree(folder: Path) -> dict[str, bytes]:
    """Read all that lies in a folder, links not followed."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        for path in folder.rglob("*")
    }


@settings(deadline=None, max_examples=300)
@given(entries=ENTRIES)
@example([("a", tarfile.SYMTYPE, "..", b""), ("a/evil", tarfile.REGTYPE, "", b"x")])
@example([("a", tarfile.SYMTYPE, "b", b""), ("b", tarfile.SYMTYPE, "a", b"")])
def test_any_entries(entries: list[tuple[str, bytes, str, bytes]]) -> None:
    """Whatever the entries are, nothing beside the folder changes, and no link in it leads out."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, kind, link, content in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, link
            entry.size = len(content) if kind == tarfile.REGTYPE else 0
            tar.addfile(entry, io.BytesIO(content))
    with tempfile.TemporaryDirectory() as name:
        outside = Path(name)
        (outside / "kept").write_bytes(b"as it was")
        target = outside / "inside" / "bundle"
        target.parent.mkdir()
        try:
            extract(io.BytesIO(buffer.getvalue()), target)
        except (BundleError, OSError):  # `prepare_code` makes one line of both
            pass
        else:
            for path in target.rglob("*"):
                assert path.resolve().is_relative_to(target.resolve())
        assert {"kept", "inside"} == {path.name for path in outside.iterdir()}
        assert {"bundle"} == {path.name for path in target.parent.iterdir()}
        assert b"as it was" == (outside / "kept").read_bytes()


@settings(deadline=None, max_examples=200)
@given(noise=st.binary(max_size=2_000), place=st.integers(0, 3_000), whole=st.booleans())
def test_damage(noise: bytes, place: int, whole: bool) -> None:
    """An archive with bytes overwritten, before packing or after, is unpacked or refused, and nothing else."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number in range(4):
            entry = tarfile.TarInfo(f"f{number}")
            entry.size = 300
            tar.addfile(entry, io.BytesIO(bytes(300)))
    plain = buffer.getvalue()
    content = (
        packed([plain[:place] + noise + plain[place + len(noise) :]]) if whole else packed([plain])[:place] + noise
    )
    with tempfile.TemporaryDirectory() as name:
        try:
            extract(io.BytesIO(content), Path(name) / "bundle")
        except (BundleError, OSError):
            return
        assert tree(Path(name) / "bundle").keys() <= {f"f{number}" for number in range(4)} or whole


SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "n", "GNU.sparse.realsize": "5"}


@pytest.mark.parametrize(
    ("start", "part"),
    [
        pytest.param([header(tarfile.XHDTYPE, 400 * MEGABYTE)], bytes(MEGABYTE), id="attributes"),
        pytest.param([header(tarfile.GNUTYPE_LONGNAME, 400 * MEGABYTE)], b"a" * MEGABYTE, id="long name"),
        pytest.param(
            [header(tarfile.REGTYPE, 400 * MEGABYTE, pax_headers=SPARSE), b"200000000\n"],
            b"1\n" * (MEGABYTE // 2),
            id="map of a sparse file",
        ),
        pytest.param(
            [(header(tarfile.XHDTYPE, 512) + b"11 a=bcdef\n".ljust(512, b"\0")) * 3_000], b"", id="chain of attributes"
        ),
        pytest.param([header(tarfile.REGTYPE, 0, pax_headers={"size": "-5"}), bytes(512)], b"", id="negative size"),
        pytest.param([header(tarfile.REGTYPE, 3_000_000_000)], b"", id="huge file"),
    ],
)
@pytest.mark.timeout(60)
def test_bombs(tmp_path: Path, start: list[bytes], part: bytes) -> None:
    """What is small when packed and huge when read is refused within the memory of a small process."""
    content = packed([*start, *[part] * 320])
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=unpack_in_little_memory, args=(content, tmp_path / "bundle", answers))
    process.start()
    process.join()
    assert 0 == process.exitcode
    assert answers.get().startswith("BundleError: the bundle is ")


def unpack_in_little_memory(content: bytes, target: Path, answers: multiprocessing.SimpleQueue[str]) -> None:
    """Tell how unpacking ends where memory is scarce."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        extract(io.BytesIO(content), target)
        answers.put("unpacked")
    except BaseException as error:
        answers.put(f"{type(error).__name__}: {error}")
