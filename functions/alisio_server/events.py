"""HTTP requests as API Gateway events (payload format 2.0), and answers back from what the routes return.

The routes see nothing else, so they are the same on a laptop and in Lambda.
Format: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

from alisio.contract.base import MAX_JSON_DEPTH
from alisio.contract.reports import GZIPPED_JSON, MAX_REPORT_BYTES, MAX_REPORT_GZIP_BYTES
from alisio_server.errors import BadRequestError, TooLargeError, UnsupportedContentTypeError

JSON_WANTED = "send the body as JSON, with `Content-Type: application/json`"
Event = dict[str, Any]
_IN_PATHS = "/%:@!$&'()*+,;="
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAYBE_UNSTORABLE = re.compile(r"\\u(0000|d[89a-f])", re.IGNORECASE)


@dataclass(frozen=True)
class HttpAnswer:
    """What goes back to an HTTP client. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def to_event(
    method: str, path: str, query_string: str, headers: Iterable[tuple[str, str]], body: bytes, source_ip: str = ""
) -> Event:
    """Make the event that API Gateway would make of a request.

    Its body stays bytes: turning them into base64, as API Gateway must, would only cost time here.

    Args:
        method: In upper case.
        path: Still percent-encoded.
        query_string: What follows the question mark, percent-encoded.
        headers: Names in lower case, and values.
        body: The raw body.
        source_ip: Who asks.
    """
    folded: dict[str, str] = {}
    for name, value in headers:
        folded[name] = f"{folded[name]},{value}" if name in folded else value
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query_string, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": source_ip}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query_string,
        "headers": folded,
        "queryStringParameters": parameters,
        "requestContext": {"stage": "$default", "http": http},
        "body": body,
        "isBase64Encoded": False,
    }


def with_encoded_path(event: Event) -> Event:
    """Encode anew in a path what an HTTP API has decoded in it: no route takes quotes, dashes or pictures as they are.

    Percent signs stay, as in a path that came encoded.

    Returns:
        The same event, or one with such a path.
    """
    given: str = event["rawPath"]
    path = quote(given, safe=_IN_PATHS)
    return event if path == given else {**event, "rawPath": path}


def to_answer(result: Mapping[str, Any]) -> HttpAnswer:
    """Read what the routes return as an HTTP answer."""
    body = result.get("body") or ""
    content = base64.b64decode(body) if result.get("isBase64Encoded") else body.encode()
    headers = {name.lower(): str(value) for name, value in (result.get("headers") or {}).items()}
    return HttpAnswer(result["statusCode"], headers, content)


def raw_body(event: Mapping[str, Any]) -> bytes:
    """Take the body's bytes out of an event, whichever way it holds them."""
    body = event.get("body") or b""
    if isinstance(body, bytes):
        return body
    return base64.b64decode(body) if event.get("isBase64Encoded") else str(body).encode()


def headers_of(event: Mapping[str, Any]) -> dict[str, str]:
    """Take the headers out of an event, their names in lower case."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def unpacked(event: Event) -> Event:
    """Unpack a body that is gzipped: one called `GZIPPED_JSON`, or one that came with `Content-Encoding: gzip`.

    Returns:
        The same event, or one with the plain body.

    Raises:
        BadRequestError: It is not gzip, or another encoding.
        TooLargeError: It passes the limits of a report.
    """
    headers = headers_of(event)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if headers.get("content-type") == GZIPPED_JSON:
        encoding = "gzip"
    if encoding == "identity":
        return event
    if encoding != "gzip":
        raise BadRequestError(f"bodies may be gzip or plain, not {encoding!r}", field="content-encoding")
    return {**event, "body": _gunzip(raw_body(event)), "isBase64Encoded": False}


def refuse_form(event: Event) -> None:
    """Refuse a request whose body is a form, as `curl -d` sends it where nothing else is said.

    Raises:
        UnsupportedContentTypeError: It is one. The bytes of a bundle, which are PUT, may be called anything.
    """
    headers = headers_of(event)
    if event["requestContext"]["http"]["method"] != "PUT" and headers.get("content-type", "").startswith(_FORMS):
        raise UnsupportedContentTypeError(JSON_WANTED, field="content-type")


def _gunzip(packed: bytes) -> bytes:
    if len(packed) > MAX_REPORT_GZIP_BYTES:
        raise TooLargeError(f"a gzipped body may have {MAX_REPORT_GZIP_BYTES:,} bytes: send it in parts")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(packed, MAX_REPORT_BYTES + 1)
    except zlib.error as error:
        raise BadRequestError(f"the body is not gzip: {error}") from error
    if len(plain) > MAX_REPORT_BYTES:
        raise TooLargeError(f"a body may have {MAX_REPORT_BYTES:,} bytes when unpacked: send it in parts")
    if not unpacker.eof:
        raise BadRequestError("the body is not gzip: it ends too early")
    return plain


def read_json(body: str | bytes) -> dict[str, Any]:
    """Read a JSON object.

    Characters that PostgreSQL cannot store (NUL, and halves of surrogate pairs, which is how Python holds bytes
    that are not text) become U+FFFD: a flow that prints one must not have its reports refused.

    Raises:
        BadRequestError: It is not JSON, not an object, or nested deeper than answers can be.
    """
    try:
        text = body.decode() if isinstance(body, bytes) else body
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadRequestError("the body is to be a JSON object")
    if text.count("[") + text.count("{") > MAX_JSON_DEPTH and _is_deep(value):
        raise BadRequestError(f"the body is nested too deeply: lists and objects may lie {MAX_JSON_DEPTH} levels deep")
    cleaned: dict[str, Any] = _clean(value) if _MAYBE_UNSTORABLE.search(text) else value
    return cleaned


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        inner = (item.values() if isinstance(item, dict) else item for item in level)
        level = [child for children in inner for child in children if isinstance(child, dict | list)]
    return bool(level)


def storable(text: str) -> str:
    """Replace the characters that PostgreSQL cannot store by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits} is out of range")
    return value


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value
