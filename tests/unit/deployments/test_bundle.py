"""Bundles: what is in them, and that the same project always makes the same one."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from alisio.deployments import bundle as bundles
from alisio.deployments.bundle import Bundle, build_bundle
from alisio.deployments.failures import ProjectError


def members(bundle: Bundle) -> dict[str, tarfile.TarInfo]:
    """Open a bundle and list what is in it."""
    with tarfile.open(fileobj=io.BytesIO(bundle.content), mode="r:gz") as archive:
        return {member.name: member for member in archive.getmembers()}


def write(root: Path, *names: str) -> None:
    """Make files, and the folders they are in."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")


def test_it_holds_the_files_and_folders_of_the_project(tmp_path: Path) -> None:
    """Files and folders are in the bundle by their path in the project, and files are counted."""
    write(tmp_path, "flow.py", "lib/tools.py")
    (tmp_path / "empty").mkdir()

    bundle = build_bundle(tmp_path)

    assert {"flow.py", "lib", "lib/tools.py", "empty"} == set(members(bundle))
    assert 2 == bundle.files


def test_its_name_is_the_digest_of_its_content(tmp_path: Path) -> None:
    """A bundle is named by the sha256 of its bytes."""
    write(tmp_path, "flow.py")

    bundle = build_bundle(tmp_path)

    assert hashlib.sha256(bundle.content).hexdigest() == bundle.sha256
    assert len(bundle.content) == bundle.size


def test_the_same_files_make_the_same_bundle(tmp_path: Path) -> None:
    """Times, the order in which files were made, and the umask do not matter."""
    first, second = tmp_path / "first", tmp_path / "second"
    write(first, "a.py", "b/c.py", "b/d.py")
    write(second, "b/d.py", "b/c.py", "a.py")
    (second / "a.py").chmod(0o600)
    os.utime(second / "b" / "c.py", (1, 1))

    assert build_bundle(first) == build_bundle(second)


def test_another_content_makes_another_bundle(tmp_path: Path) -> None:
    """One changed byte changes the name."""
    write(tmp_path, "flow.py")
    before = build_bundle(tmp_path).sha256
    (tmp_path / "flow.py").write_text("changed\n")

    assert before != build_bundle(tmp_path).sha256


def test_owners_and_times_are_left_out(tmp_path: Path) -> None:
    """Nothing in a bundle tells who made it, where or when; that a file is executable stays."""
    write(tmp_path, "run.sh")
    (tmp_path / "run.sh").chmod(0o744)

    member = members(build_bundle(tmp_path))["run.sh"]

    assert (0, 0, 0, "", "", 0o755) == (
        member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode,
    )  # fmt: skip


def test_what_no_flow_needs_stays_out(tmp_path: Path) -> None:
    """Version control, environments and caches are never bundled."""
    write(
        tmp_path,
        "flow.py",
        ".git/config",
        ".venv/bin/python",
        "node_modules/x/y.js",
        "lib/__pycache__/a.pyc",
        "b.pyc",
        ".env",
    )

    assert {"flow.py", "lib"} == set(members(build_bundle(tmp_path)))


def test_the_home_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Alisio's home lies in the project, its keys and its former bundles don't travel."""
    write(tmp_path, "flow.py", "state/secret.key", "lib/state/a.py")
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path / "state"))

    assert {"flow.py", "lib", "lib/state", "lib/state/a.py"} == set(members(build_bundle(tmp_path)))


def test_the_ignore_file_is_read_as_gitignore(tmp_path: Path) -> None:
    """Patterns, folders, negations and comments of `.alisioignore` mean what they mean to git."""
    write(
        tmp_path, "flow.py", "data/big.csv", "data/keep.csv", "notes/a.md", "sub/notes/b.md", "top.txt", "sub/top.txt"
    )
    (tmp_path / ".alisioignore").write_text("# what the flow does not need\n*.csv\n!keep.csv\nnotes/\n/top.txt\n")

    assert {".alisioignore", "flow.py", "data", "data/keep.csv", "sub", "sub/top.txt"} == set(
        members(build_bundle(tmp_path))
    )


def test_a_link_inside_the_project_stays_a_link(tmp_path: Path) -> None:
    """A link to a file of the project, absolute or not, is bundled as a relative one."""
    write(tmp_path, "data/real.csv")
    (tmp_path / "data" / "near").symlink_to("real.csv")
    (tmp_path / "far").symlink_to(tmp_path / "data" / "real.csv")
    (tmp_path / "folder").symlink_to("data")

    found = members(build_bundle(tmp_path))

    assert ["real.csv", "data/real.csv", "data"] == [found[name].linkname for name in ("data/near", "far", "folder")]


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside.txt", "lib/../../outside.txt"])
def test_a_link_that_leaves_the_project_is_refused(tmp_path: Path, target: str) -> None:
    """A link may not carry a file from outside into the bundle; the line names the link and says what to do."""
    project = tmp_path / "project"
    write(tmp_path, "outside.txt", "project/lib/a.py")
    (project / "leak").symlink_to(target)

    with pytest.raises(ProjectError, match=r"leak is a link to .*, outside of the project .*\.alisioignore"):
        build_bundle(project)


def test_a_link_behind_a_link_is_followed_to_its_end(tmp_path: Path) -> None:
    """A link inside the project that leads to one that leaves it is refused as well."""
    project = tmp_path / "project"
    write(tmp_path, "outside/secret.txt", "project/a.py")
    (project / "door").symlink_to(tmp_path / "outside")
    (project / "leak").symlink_to("door/secret.txt")
    (project / ".alisioignore").write_text("/door\n")

    with pytest.raises(ProjectError, match="outside of the project"):
        build_bundle(project)


def test_a_link_that_is_ignored_does_no_harm(tmp_path: Path) -> None:
    """What is listed in `.alisioignore` is not looked at."""
    write(tmp_path, "flow.py")
    (tmp_path / "leak").symlink_to("/etc/passwd")
    (tmp_path / ".alisioignore").write_text("leak\n")

    assert {".alisioignore", "flow.py"} == set(members(build_bundle(tmp_path)))


def test_a_named_pipe_is_refused(tmp_path: Path) -> None:
    """What is neither a file nor a folder is named, and nothing waits for it to be read."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ProjectError, match="pipe is neither a file nor a folder"):
        build_bundle(tmp_path)


def test_a_project_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the largest files, so that one knows what to ignore."""
    monkeypatch.setattr(bundles, "MAX_BUNDLE_BYTES", 1_000)
    (tmp_path / "model.bin").write_bytes(b"x" * 2_000)

    with pytest.raises(ProjectError, match=r"holds more than .* list in \.alisioignore .* model\.bin"):
        build_bundle(tmp_path)


def test_an_ignore_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A binary `.alisioignore` is named in one line."""
    (tmp_path / ".alisioignore").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ProjectError, match=r"\.alisioignore is not text in UTF-8"):
        build_bundle(tmp_path)
