"""The certificate of a server that speaks TLS: looked at before anything listens, so that what is wrong is one line."""

from __future__ import annotations

import ssl

from alisio_server.errors import InvalidInputError
from alisio_server.settings import TlsFiles


def check_tls_files(files: TlsFiles) -> None:
    """Check that a certificate and its key can be used.

    Raises:
        InvalidInputError: One cannot be read, or they do not fit each other.
    """
    for path in (files.certificate, files.key):
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise InvalidInputError(f"{path} cannot be read: {error.strerror}", code="tls_file", field="tls") from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise InvalidInputError(
            f"{files.certificate} and {files.key} are no certificate and key in PEM that fit each other: {reason}",
            code="tls_file",
            field="tls",
        ) from error


def _no_password() -> str:
    # Without this OpenSSL would ask for the password of an encrypted key on the terminal.
    raise ValueError("the key is encrypted; give one without a password")
