"""An object store in a bucket of Amazon S3. Clients send and fetch the content there, with what is signed here.

The form that an upload takes, and the checksum that S3 checks of it, are those of the S3 API reference (POST Object).
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from alisio.contract.deployments import Upload
from alisio_server.adapters.aws.calls import code_of, reached

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, ObjectIdentifierTypeDef

UPLOAD_SECONDS = 900
"""How long a client has to begin an upload."""
DOWNLOAD_SECONDS = 3600
"""How long a job's code may be fetched: longer than any pool takes to start a run."""
PENDING = "pending/"
"""What the keys of uploads begin with until they are asked for; a lifecycle rule removes those that nobody asks for."""
_SERVICE = "Amazon S3"
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


class S3ObjectStore:
    """Objects of a bucket, each stored whole or not at all, as S3 does it.

    Args:
        client: Of the bucket's region.
        bucket: Its name.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, content: bytes) -> None:
        """Store content.

        Raises:
            OSError: S3 cannot be used.
        """
        with reached(_SERVICE):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ChecksumAlgorithm="SHA256")

    def get(self, key: str) -> bytes:
        """Fetch content.

        Raises:
            KeyError: There is none by that key.
            OSError: S3 cannot be used.
        """
        with reached(_SERVICE):
            try:
                content: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                raise KeyError(key) from None
        return content

    def size_of(self, key: str) -> int | None:
        """Tell how many bytes there are by that key; None: there is no content.

        What a client has uploaded for the key is stored by it from now on.

        Raises:
            OSError: S3 cannot be used.
        """
        with reached(_SERVICE):
            size = self._measure(key)
            return self._measure(key) if size is None and self._take_in(key) else size

    def delete(self, key: str) -> None:
        """Remove content; no error where there is none.

        Raises:
            OSError: S3 cannot be used.
        """
        with reached(_SERVICE):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def upload_for(self, key: str, size: int, sha256: str) -> Upload:
        """Tell a client to send the content to S3 as a form, which S3 takes only where size and digest are right.

        It is pending until `size_of` asks for it. So a client that breaks off leaves nothing for good, and one that
        sends what is stored already does not touch that.

        Raises:
            OSError: There are no credentials to sign with.
        """
        fields = {
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode(),
        }
        conditions: list[object] = [{name: value} for name, value in fields.items()]
        with reached(_SERVICE):
            form = self._client.generate_presigned_post(
                self._bucket,
                PENDING + key,
                Fields=dict(fields),
                Conditions=[*conditions, ["content-length-range", size, size]],
                ExpiresIn=UPLOAD_SECONDS,
            )
        return Upload(method="POST", url=form["url"], fields=form["fields"])

    def download_url(self, key: str) -> str:
        """Tell where the content is got for the next hour, or until the credentials that signed it end.

        Raises:
            OSError: There are no credentials to sign with.
        """
        with reached(_SERVICE):
            return self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=DOWNLOAD_SECONDS
            )

    def _measure(self, key: str) -> int | None:
        try:
            return self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except self._client.exceptions.ClientError as error:
            if code_of(error) in _MISSING:
                return None
            raise

    def _take_in(self, key: str) -> bool:
        """Store by its key what was uploaded for it, if anything was; S3 keeps the checksum with it."""
        source: CopySourceTypeDef = {"Bucket": self._bucket, "Key": PENDING + key}
        try:
            self._client.copy_object(Bucket=self._bucket, Key=key, CopySource=source)
        except self._client.exceptions.ClientError as error:
            if code_of(error) in _MISSING:
                return False
            raise
        return True


def open_s3(bucket: str) -> S3ObjectStore:
    """Open a bucket, with the region, credentials and endpoint that boto3 finds by itself."""
    import boto3
    from botocore.config import Config

    # The address of the region: the global one redirects while a bucket is new, and a form cannot follow. An emulator
    # has one address for all, of which the bucket is the path.
    has_own_address = "AWS_ENDPOINT_URL" in os.environ or "AWS_ENDPOINT_URL_S3" in os.environ
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if has_own_address else "virtual"},
        connect_timeout=2,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    return S3ObjectStore(boto3.client("s3", config=config), bucket)


def empty_bucket(client: S3Client, bucket: str) -> int:
    """Delete all objects of a bucket, in all their versions.

    Args:
        client: Of the bucket's region.
        bucket: Its name.

    Returns:
        How many were deleted.

    Raises:
        OSError: S3 cannot be used, or refuses to delete one.
    """
    count = 0
    with reached(_SERVICE):
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if not found:
                continue
            named: list[ObjectIdentifierTypeDef] = [
                {"Key": each["Key"], "VersionId": each["VersionId"]} for each in found
            ]
            answer = client.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})
            if refused := answer.get("Errors"):
                raise OSError(f"{_SERVICE} does not delete {refused[0]['Key']}: {refused[0]['Message']}")
            count += len(named)
    return count
