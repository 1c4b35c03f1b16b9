from __future__ import annotations

import base64
import gzip

import pytest

from alisio.contract.reports import GZIPPED_JSON, MAX_REPORT_BYTES, MAX_REPORT_GZIP_BYTES
from alisio_server.errors import BadRequestError, TooLargeError
from alisio_server.events import Event, raw_body, read_json, to_answer, to_event, unpacked


def event_of(body: bytes, encoding: str = "gzip") -> Event:
    """Make the event of a request with an encoded body."""
    return to_event("POST", "/api/x", "", [("content-encoding", encoding)], body)


def test_repeated_headers_and_parameters_are_folded() -> None:
    """Format 2.0 joins repeated headers and query parameters with commas."""
    event = to_event("GET", "/a%20b", "x=1&x=2&y=%2F", [("accept", "a"), ("accept", "b")], b"")

    assert {"accept": "a,b"} == event["headers"]
    assert {"x": "1,2", "y": "/"} == event["queryStringParameters"]
    assert "/a%20b" == event["rawPath"]


def test_gzip_is_unpacked_whichever_way_the_event_holds_it() -> None:
    """A gzipped body is read as bytes (from this server) and as base64 (from API Gateway)."""
    packed = gzip.compress(b'{"a": 1}')
    from_gateway = {**event_of(b""), "body": base64.b64encode(packed).decode(), "isBase64Encoded": True}

    assert b'{"a": 1}' == raw_body(unpacked(event_of(packed)))
    assert b'{"a": 1}' == raw_body(unpacked(from_gateway))


def test_gzipped_json_is_unpacked_by_its_content_type() -> None:
    """So call it clients and supervisors, since API Gateway takes `application/json` for text and spoils its bytes."""
    event = to_event("POST", "/api/x", "", [("content-type", GZIPPED_JSON)], gzip.compress(b'{"a": 1}'))

    assert b'{"a": 1}' == raw_body(unpacked(event))


@pytest.mark.parametrize("body", [b"", b"{}", gzip.compress(b"x" * 1000, mtime=0)[:-9]])
def test_broken_gzip_is_a_bad_request(body: bytes) -> None:
    """What is not gzip, or ends too early, is refused."""
    with pytest.raises(BadRequestError):
        unpacked(event_of(body))


def test_unknown_encoding_is_a_bad_request() -> None:
    """Encodings other than gzip are refused by name."""
    with pytest.raises(BadRequestError, match="'br'"):
        unpacked(event_of(b"{}", "br"))


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b" " * (MAX_REPORT_BYTES + 1)), b"x" * (MAX_REPORT_GZIP_BYTES + 1)],
    ids=["packed", "not-packed"],
)
def test_large_gzip_is_refused(body: bytes) -> None:
    """Neither a large body nor one that only unpacks to a large one gets in."""
    with pytest.raises(TooLargeError):
        unpacked(event_of(body))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"a"', b"null", b"\xff", b'{"a": NaN}', b'{"a": 1e999}', b"[" * 100_000]
)
def test_bodies_that_are_no_json_objects_are_bad_requests(body: bytes) -> None:
    """Everything but a JSON object is refused with one line, deep nesting and bytes that are no text included."""
    with pytest.raises(BadRequestError) as caught:
        read_json(body)

    assert 1 == len(caught.value.message.splitlines())


def test_characters_that_cannot_be_stored_are_replaced() -> None:
    """NUL and half surrogates become U+FFFD in keys and values; escaped backslashes stay as they are."""
    body = rb'{"a\u0000": ["\ud800x", "\\u0000", "\ud83d\ude00"]}'

    assert {"a\ufffd": ["\ufffdx", "\\u0000", "\U0001f600"]} == read_json(body)


def test_binary_answers_come_back_as_bytes() -> None:
    """Base64 is undone, and names of headers come in lower case."""
    result = {"statusCode": 200, "body": "AAE=", "isBase64Encoded": True, "headers": {"Content-Type": "x/y"}}

    answer = to_answer(result)

    assert (200, b"\x00\x01", {"content-type": "x/y"}) == (answer.status, answer.body, answer.headers)
