"""The object store in a bucket: what is stored, and what clients are given to send and fetch with."""

from __future__ import annotations

import base64
import hashlib
import json

import boto3
import httpx
import pytest

from alisio.client.http import send_elsewhere
from alisio.exceptions import ApiError
from alisio_server.adapters.aws.s3 import S3ObjectStore, open_s3
from alisio_server.orchestration.bundles import bundle_key
from tests.integration.aws.conftest import Stage, client_of_nothing

CONTENT = b"an archive"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
KEY = bundle_key(SHA256)


def test_content_comes_back(stage: Stage) -> None:
    """What is put can be got and measured, and is gone once it is deleted; deleting twice is no error."""
    store = open_s3(stage.bucket)
    store.put(KEY, CONTENT)
    assert (CONTENT, len(CONTENT)) == (store.get(KEY), store.size_of(KEY))
    store.delete(KEY)
    store.delete(KEY)
    assert store.size_of(KEY) is None


def test_missing_content_is_a_key_error(stage: Stage) -> None:
    """What is not there is said by its key, and has no size."""
    store = open_s3(stage.bucket)
    with pytest.raises(KeyError, match=KEY):
        store.get(KEY)
    assert store.size_of(KEY) is None


def test_a_bucket_that_is_not_there_is_no_missing_content(stage: Stage) -> None:
    """What S3 refuses is an error of the store, with its reason, and not taken for a key that is missing."""
    with pytest.raises(OSError, match=r"Amazon S3 refuses: .*NoSuchBucket"):
        open_s3(f"{stage.bucket}-not-there").get(KEY)


def test_s3_that_is_away_is_an_os_error() -> None:
    """While nothing answers, every call says so as the port promises."""
    with pytest.raises(OSError, match="Amazon S3 cannot be used"):
        S3ObjectStore(client_of_nothing("s3"), "bucket").size_of(KEY)


def test_an_upload_is_bound_to_key_size_and_digest(moto: Stage) -> None:
    """The signed policy of the form names one key, one length and one digest, for a quarter of an hour."""
    upload = open_s3(moto.bucket).upload_for(KEY, len(CONTENT), SHA256)
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    policy = json.loads(base64.b64decode(upload.fields["policy"]))
    assert ("POST", digest) == (upload.method, upload.fields["x-amz-checksum-sha256"])
    for condition in (
        {"bucket": moto.bucket},
        {"key": f"pending/{KEY}"},
        {"x-amz-checksum-algorithm": "SHA256"},
        {"x-amz-checksum-sha256": digest},
        ["content-length-range", len(CONTENT), len(CONTENT)],
    ):
        assert condition in policy["conditions"]


def test_addresses_are_those_of_the_region(moto: Stage) -> None:
    """A form cannot follow the redirect that the global address of a new bucket answers with."""
    store = open_s3(moto.bucket)
    host = f"https://{moto.bucket}.s3.eu-south-2.amazonaws.com/"
    assert host == store.upload_for(KEY, 1, SHA256).url
    assert store.download_url(KEY).startswith(host + KEY)


def test_a_client_sends_and_fetches_with_what_it_is_given(emulated: Stage) -> None:
    """The SDK's own upload is taken, and the address of the download gives the same bytes to anybody who has it."""
    store = open_s3(emulated.bucket)
    send_elsewhere(store.upload_for(KEY, len(CONTENT), SHA256), CONTENT)
    assert len(CONTENT) == store.size_of(KEY)
    assert CONTENT == httpx.get(store.download_url(KEY)).content


def test_an_upload_is_pending_until_it_is_asked_for(stage: Stage) -> None:
    """What nobody asks for lies apart, where it is removed after a day; it never takes the place of what is stored."""
    store, s3 = open_s3(stage.bucket), boto3.client("s3")
    s3.put_object(Bucket=stage.bucket, Key=f"pending/{KEY}", Body=CONTENT)
    with pytest.raises(KeyError):
        store.get(KEY)
    assert len(CONTENT) == store.size_of(KEY)
    s3.put_object(Bucket=stage.bucket, Key=f"pending/{KEY}", Body=b"of another client")
    assert (len(CONTENT), CONTENT) == (store.size_of(KEY), store.get(KEY))


def test_content_of_another_size_is_refused(emulated: Stage) -> None:
    """An upload of more bytes than were announced is refused by the store, and nothing is stored."""
    store = open_s3(emulated.bucket)
    with pytest.raises(ApiError, match="refused the bundle"):
        send_elsewhere(store.upload_for(KEY, len(CONTENT), SHA256), CONTENT + b"!")
    assert store.size_of(KEY) is None
