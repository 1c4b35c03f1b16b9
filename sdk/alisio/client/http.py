"""The transport to a server at an address. httpx is imported when the first one is opened."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from alisio.client.calls import runs
from alisio.client.calls.base import UPLOAD_SECONDS, Call, Reply, delay_before_retry, encode_body, read_answer
from alisio.client.discovery import is_loopback
from alisio.contract.deployments import Upload
from alisio.contract.reports import GZIPPED_JSON, ReportAnswer
from alisio.exceptions import ApiError, ApiUnreachableError

_GZIP_OVER_BYTES = 1_000
_CONNECT_SECONDS = 5.0


class HttpTransport:
    """Sends calls to `api_url` over connections that are kept alive; safe to use from several threads.

    Args:
        api_url: The API's address.
        api_key: The API key to show it.
    """

    def __init__(self, api_url: str, api_key: str | None) -> None:
        from alisio.client.lean_httpx import httpx

        self.api_url: str | None = api_url
        self._base = api_url
        self._client = httpx.Client(**client_options(api_url, api_key))

    def send(self, call: Call[Any]) -> Reply:
        """Send a call, again where that is safe and may help; see `Transport.send`."""
        if call.elsewhere is not None:
            return send_body_elsewhere(call, call.elsewhere)
        failures = 0
        while True:
            reply, retry_after, failure = self._try(call)
            if reply is not None and reply.status < 400:
                return reply
            failures += 1
            delay = delay_before_retry(call, failures, reply, retry_after)
            if delay is not None:
                time.sleep(delay * random.uniform(0.8, 1.2))
            elif reply is not None:
                return reply
            else:
                raise ApiUnreachableError(unreachable(self._base, failure)) from failure

    def send_report(self, flow_run_id: UUID, report: Mapping[str, Any]) -> ReportAnswer:
        """Send a report; see `Transport.send_report`."""
        call = runs.send_report(flow_run_id, report)
        return read_answer(call, self.send(call))

    def tick(self) -> None:
        """Do nothing: the server has its own clock."""

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _try(self, call: Call[Any]) -> tuple[Reply | None, str | None, Exception | None]:
        from alisio.client.lean_httpx import httpx

        try:
            response = self._client.request(**request_of(self._base, call))
        except httpx.InvalidURL as error:
            raise ApiUnreachableError(f"the API's address {self._base} cannot be read: {error}") from error
        except httpx.TransportError as error:
            return None, None, error
        return Reply(response.status_code, response.content), response.headers.get("Retry-After"), None


def client_options(api_url: str, api_key: str | None) -> dict[str, Any]:
    """Give what an `httpx.Client`, or its asynchronous like, for an address is made with."""
    from alisio.client.lean_httpx import httpx

    address = urlsplit(api_url)
    return {
        "headers": {"Accept": "application/json"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {}),
        # No proxy stands before this machine, and loading certificates takes 30 ms.
        "trust_env": not is_loopback(address.hostname or ""),
        # To where a bundle lies; httpx takes no key along to another host.
        "follow_redirects": True,
        # Its own `verify=True` would not read SSL_CERT_FILE where the environment is not trusted for proxies.
        "verify": httpx.create_ssl_context() if address.scheme == "https" else False,
    }


def request_of(api_url: str, call: Call[Any]) -> dict[str, Any]:
    """Give the arguments of httpx's `request` for a call."""
    from alisio.client.lean_httpx import httpx

    content, content_type = encode_body(call.body)
    headers = {}
    if content_type is not None:
        headers["Content-Type"] = content_type
    if len(content) > _GZIP_OVER_BYTES and content_type == "application/json":
        content = gzip.compress(content, compresslevel=5, mtime=0)
        headers["Content-Type"] = GZIPPED_JSON
    return {
        "method": call.method,
        "url": api_url + call.path,
        "params": dict(call.query),
        "content": content or None,
        "headers": headers,
        "timeout": httpx.Timeout(call.timeout_seconds, connect=_CONNECT_SECONDS),
    }


def send_body_elsewhere(call: Call[Any], upload: Upload) -> Reply:
    """Send a call's bytes to an address outside the API, which gets no key of it.

    Raises:
        ApiUnreachableError: There was no reply.
        ApiError: The bytes were refused.
    """
    content, _ = encode_body(call.body)
    send_elsewhere(upload, content, "the artifact's data")
    return Reply(204, b"")


def send_elsewhere(upload: Upload, content: bytes, what: str = "the bundle") -> None:
    """Send bytes to an address outside the API, as the server said.

    Args:
        upload: What it said.
        content: The bytes.
        what: What they are, for errors.

    Raises:
        ApiUnreachableError: There was no reply.
        ApiError: The bytes were refused.
    """
    from alisio.client.lean_httpx import httpx

    try:
        if upload.method == "POST":
            files = {"file": ("bundle.tar.gz", content, "application/gzip")}
            response = httpx.post(upload.url, data=upload.fields, files=files, timeout=UPLOAD_SECONDS)
        else:
            response = httpx.request(upload.method, upload.url, content=content, timeout=UPLOAD_SECONDS)
    except httpx.TransportError as error:
        host = urlsplit(upload.url).netloc
        raise ApiUnreachableError(f"cannot send {what} to {host}: {_reason(error)}") from error
    if response.status_code >= 400:
        host = urlsplit(upload.url).netloc
        message = f"{host} refused {what} with status {response.status_code}; try again"
        raise ApiError(response.status_code, "upload_refused", message)


def unreachable(api_url: str, failure: Exception | None) -> str:
    """Say in one line that an API cannot be reached, why, and what to do."""
    if "CERTIFICATE_VERIFY_FAILED" in str(failure):
        return (
            f"the API at {api_url} shows a certificate that nobody here vouches for: {_reason(failure)}; "
            "set SSL_CERT_FILE to the certificate of its authority, and ALISIO_API_URL to the name it is made out to"
        )
    return (
        f"cannot reach the API at {api_url}: {_reason(failure)}; is the server running? "
        "start it with `alisio server start`, or unset ALISIO_API_URL"
    )


def _reason(failure: BaseException | None) -> str:
    cause = failure
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        cause = cause.__cause__ or cause.__context__
    text = str(failure).splitlines()[0] if failure is not None and str(failure) else type(failure).__name__
    return text.removeprefix("[Errno -2] ").removeprefix("[Errno -3] ")
