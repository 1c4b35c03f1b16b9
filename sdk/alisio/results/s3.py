"""Results in Amazon S3, and in what speaks its language. It needs boto3: `pip install 'alisio[aws]'`."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alisio.exceptions import ResultError
from alisio.results.keys import checked_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_GONE = ("404", "NoSuchKey", "NotFound")
_opening = threading.Lock()
_clients: list[S3Client] = []


class S3Storage:
    """A bucket, or what in it begins with a prefix: one object a result. S3 shows no object before it is whole.

    Credentials, region and endpoint are those that boto3 finds: `AWS_PROFILE`, a role, `AWS_ENDPOINT_URL` and so on.

    Args:
        url: `s3://bucket` or `s3://bucket/prefix`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._bucket, _, self._prefix = self.url.removeprefix("s3://").partition("/")

    def exists(self, key: str) -> bool:
        """Tell whether there is an object of this key.

        Raises:
            OSError: S3 cannot be asked.
        """
        with self._reached(key):
            try:
                _client().head_object(Bucket=self._bucket, Key=self._name(key))
            except _client().exceptions.ClientError as error:
                if error.response.get("Error", {}).get("Code") in _GONE:
                    return False
                raise
        return True

    def read(self, key: str) -> bytes:
        """Read an object.

        Raises:
            FileNotFoundError: There is none.
            OSError: S3 cannot be asked.
        """
        with self._reached(key):
            content: bytes = _client().get_object(Bucket=self._bucket, Key=self._name(key))["Body"].read()
        return content

    def write(self, key: str, content: bytes) -> None:
        """Write an object.

        Raises:
            OSError: S3 does not take it.
        """
        with self._reached(key):
            _client().put_object(Bucket=self._bucket, Key=self._name(key), Body=content)

    def remove(self, key: str) -> None:
        """Remove an object; where there is none, nothing happens.

        Raises:
            OSError: S3 cannot be asked.
        """
        with self._reached(key):
            _client().delete_object(Bucket=self._bucket, Key=self._name(key))

    def location_of(self, key: str) -> str:
        """Give the address of an object."""
        return f"{self.url}/{checked_key(key, self.url)}"

    def _name(self, key: str) -> str:
        checked_key(key, self.url)
        return f"{self._prefix}/{key}" if self._prefix else key

    @contextmanager
    def _reached(self, key: str) -> Iterator[None]:
        """Turn what boto3 raises into `OSError`."""
        _client()  # before botocore is imported: it says what is missing
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _GONE:
                raise FileNotFoundError(errno.ENOENT, "there is no such object", f"{self.url}/{key}") from error
            raise OSError(f"S3 refuses: {error}") from error
        except BotoCoreError as error:
            raise OSError(f"S3 cannot be used: {error}") from error


def _client() -> S3Client:
    with _opening:  # making clients is not safe between threads; using them is
        if not _clients:
            try:
                import boto3
            except ImportError as error:
                raise ResultError("results on s3:// need boto3: install it with `pip install 'alisio[aws]'`") from error
            _clients.append(boto3.client("s3"))
        return _clients[0]
