"""Who may do what: keys and roles at the API, AWS rights at the login, digests at the agent."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.cloud.place import CloudPlace
from tests.e2e.flows import QUICK
from tests.e2e.stack import Stack


def test_without_a_key_nothing_is_told(stack: Stack) -> None:
    """No key, and a wrong one, get 401 with a code."""
    url = f"{stack.backend.api_url}/work-pools"

    for headers in ({}, {"Authorization": "Bearer alisio_wrong"}):
        answer = httpx.get(url, headers=headers, timeout=30)
        assert (401, True) == (answer.status_code, answer.json()["code"].startswith("api_key_"))


def test_the_wrong_role_is_refused_and_remembered(stack: Stack) -> None:
    """An agent's key that makes a work pool gets 403, and the audit log says who wanted what."""
    name = f"k-{uuid4().hex[:8]}"
    made = stack.cli("api-key", "create", name, "--role", "agent", "--output", "json").json

    line = stack.refused("work-pool", "create", "forbidden", env={"ALISIO_API_KEY": made["key"]})

    assert "agent" in line
    entries = stack.cli("audit", "ls", "--output", "json").json
    mine = [entry for entry in entries if entry["actor"] == name]
    assert [("create_work_pool", True)] == [(entry["action"], entry["refused"]) for entry in mine]


def test_login_keeps_the_admin_key_for_its_owner_alone(stack: Stack, tmp_path: Path) -> None:
    """The key comes from Secrets Manager into the active profile, whose file others cannot read."""
    home = tmp_path / "home"
    bare = {"ALISIO_HOME": str(home), "ALISIO_API_URL": None, "ALISIO_API_KEY": None}

    said = stack.cli("cloud", "login", "--stage", "local", env=bare).out

    assert stack.backend.environment["ALISIO_API_KEY"] not in said
    assert 0o600 == stat.S_IMODE((home / "profiles.toml").stat().st_mode)
    pools = stack.cli("work-pool", "ls", "--output", "json", env=bare).json
    assert stack.pool in [pool["name"] for pool in pools]


def test_a_forged_bundle_is_refused_by_the_agent(stack: Stack, place: CloudPlace) -> None:
    """Code that was exchanged in the bucket is not run: its digest is not the one that was deployed."""
    trace = stack.folder / "trace"
    # A bundle of its own: those of others are not to be spoiled.
    deployed = stack.deploy(f"{QUICK}\n    # {stack.pool}\n")
    sha256 = stack.api.get(f"/deployments/{deployed.id}")["bundle"]
    bucket = stack.cli("cloud", "outputs", "--stage", "local", "--output", "json").json["BucketName"]
    s3 = place.client("s3")
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    [key] = [found["Key"] for found in listed if f"bundles/{sha256}" == found["Key"]]
    s3.put_object(Bucket=bucket, Key=key, Body=_forged(f"from pathlib import Path\nPath({str(trace)!r}).touch()\n"))
    stack.start_agent()

    run = stack.wait_for_run(stack.run(deployed), "CRASHED", "FAILED")

    assert "does not fit its name" in run["state"]["message"]
    assert not trace.exists()


def test_an_upload_that_is_not_what_was_announced_is_refused(stack: Stack) -> None:
    """S3 takes neither another content nor a larger one than the form was made for."""
    content, other = b"the content", b"something else"
    body = {"sha256": "0" * 64, "size": len(content)}

    upload = stack.api.post("/bundles", body)["upload"]

    sent = httpx.post(upload["url"], data=upload["fields"], files={"file": other}, timeout=30)
    if sent.is_success:
        pytest.fail(f"S3 took what was not announced: {sent.status_code}")


def _forged(code: str) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as bundle:
        member = tarfile.TarInfo("flow.py")
        member.size = len(code)
        bundle.addfile(member, io.BytesIO(code.encode()))
    return archive.getvalue()
