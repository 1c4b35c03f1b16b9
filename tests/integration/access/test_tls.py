"""A server that speaks TLS, with a certificate that only SSL_CERT_FILE vouches for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from alisio.client.client import Client
from alisio.client.discovery import answers, read_record
from alisio.exceptions import ApiUnreachableError
from alisio_agent.supervisor.api import Api
from tests.integration.access.test_secrets import Site
from tests.waiting import wait_until


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that vouches for itself; returns its file and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Alisio's tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A server in the background that speaks TLS and has a key."""
    site = Site(tmp_path / "home", tmp_path / "work", "")
    site.work.mkdir()
    certificate, key = make_certificate(site.work)
    started = site.run(
        "server", "start", "--background", "--port", "0", "--create-admin-key",
        "--tls-certificate", certificate.name, "--tls-key", key.name,
    )  # fmt: skip
    assert (0, "") == (started.returncode, started.stderr)
    site.key = started.stdout.splitlines()[0].rpartition(" ")[2]
    yield site
    assert 0 == site.run("server", "stop").returncode


def url_of(site: Site) -> str:
    """Tell the server's address."""
    record = read_record(site.home)
    assert record is not None
    return record.url


def test_commands_trust_the_file_that_they_are_told_to(site: Site) -> None:
    """They find the server of their home as ever; without that file they do not send it the key, and say why."""
    assert url_of(site).startswith("https://127.0.0.1:")
    assert answers(url_of(site))

    listed = site.run("api-key", "ls", SSL_CERT_FILE=str(site.work / "certificate.pem"))
    assert (0, "") == (listed.returncode, listed.stderr)
    refused = site.run("api-key", "ls")
    assert 1 == refused.returncode
    assert "shows a certificate that nobody here vouches for" in refused.stderr and "SSL_CERT_FILE" in refused.stderr


def test_the_client_refuses_a_stranger(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of somebody else is not accepted because it is one."""
    other = site.work / "other"
    other.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(make_certificate(other)[0]))

    with Client.over_http(url_of(site), site.key) as client, pytest.raises(ApiUnreachableError, match="vouches for"):
        client.list_api_keys()


@pytest.mark.parametrize("trusted", [True, False])
def test_the_supervisor_trusts_the_same_file(site: Site, monkeypatch: pytest.MonkeyPatch, trusted: bool) -> None:
    """Its HTTP is the standard library's, and shows the key only to whom it trusts."""
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(site.work / "certificate.pem"))
    api = Api(url_of(site), site.key, 10.0, lambda: None)
    api.post("/flows/filter", b"{}", {"Content-Type": "application/json"})

    reply = wait_until(api.collect)

    api.close()
    assert (200 if trusted else 0) == reply.status
    assert trusted or b"CERTIFICATE_VERIFY_FAILED" in reply.body


@pytest.mark.parametrize("fault", ["missing", "not one", "of another", "encrypted"])
def test_a_certificate_that_cannot_be_used_is_one_line(tmp_path: Path, fault: str) -> None:
    """Before anything listens, and without asking for a password."""
    certificate, key = make_certificate(tmp_path)
    if fault == "missing":
        key.unlink()
    elif fault == "not one":
        certificate.write_text("nothing of the kind")
    elif fault == "of another":
        (tmp_path / "other").mkdir()
        key = make_certificate(tmp_path / "other")[1]
    else:
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        key.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
    site = Site(tmp_path / "home", tmp_path, "")

    done = subprocess.run(
        [sys.executable, "-m", "alisio.cli", "server", "start", "--port", "0",
         "--tls-certificate", str(certificate), "--tls-key", str(key)],
        env=site.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert (1, "") == (done.returncode, done.stdout)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and str(key.parent) in line
