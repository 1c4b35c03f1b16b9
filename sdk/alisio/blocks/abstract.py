"""What kinds of blocks can do, so that flows can take any block of a kind."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, Self, TypeVar

from alisio.blocks.core import Block
from alisio.exceptions import AlisioError, MissingContextError

__all__ = [
    "CredentialsBlock",
    "DatabaseBlock",
    "JobBlock",
    "JobRun",
    "NotificationBlock",
    "NotificationError",
    "ObjectStorageBlock",
    "SecretBlock",
]

T = TypeVar("T")


class NotificationError(AlisioError):
    """A notification could not be sent."""


class _Logging:
    @property
    def logger(self) -> Any:
        """The log of the run whose code this is; outside of runs, one that is named for the class."""
        from alisio.logging import get_run_logger

        try:
            return get_run_logger()
        except MissingContextError:
            return logging.getLogger(f"alisio.blocks.{type(self).__name__}")


class CredentialsBlock(_Logging, Block, ABC):
    """Credentials of another system, from which a client for it is made."""

    @abstractmethod
    def get_client(self, *args: Any, **kwargs: Any) -> Any:
        """Make a client."""


class NotificationBlock(_Logging, Block, ABC):
    """A way to send messages to people."""

    _block_schema_capabilities = ["notify"]
    _raises: bool = False

    @abstractmethod
    def notify(self, body: str, subject: str | None = None) -> Any:
        """Send a message.

        Args:
            body: What it says.
            subject: What it is about.
        """

    @contextmanager
    def raise_on_failure(self) -> Iterator[None]:
        """Have `notify` raise `NotificationError` within the block where a message cannot be sent."""
        before, self._raises = self._raises, True
        try:
            yield
        finally:
            self._raises = before


class JobRun(_Logging, ABC, Generic[T]):
    """A job of another system that was started."""

    @abstractmethod
    def wait_for_completion(self) -> Any:
        """Wait until the job has ended."""

    @abstractmethod
    def fetch_result(self) -> T:
        """Fetch what the job has made."""


class JobBlock(_Logging, Block, ABC):
    """A job of another system that can be started."""

    _block_schema_capabilities = ["run-job"]

    @abstractmethod
    def trigger(self) -> JobRun[Any]:
        """Start the job."""


class DatabaseBlock(_Logging, Block, ABC):
    """A database that is asked in SQL. Used in a `with` block, it is closed at its end."""

    @abstractmethod
    def fetch_one(self, operation: str, parameters: dict[str, Any] | None = None, **options: Any) -> Any:
        """Fetch the first row of a query."""

    @abstractmethod
    def fetch_many(
        self, operation: str, parameters: dict[str, Any] | None = None, size: int | None = None, **options: Any
    ) -> Any:
        """Fetch the first rows of a query."""

    @abstractmethod
    def fetch_all(self, operation: str, parameters: dict[str, Any] | None = None, **options: Any) -> Any:
        """Fetch all rows of a query."""

    @abstractmethod
    def execute(self, operation: str, parameters: dict[str, Any] | None = None, **options: Any) -> None:
        """Execute a statement."""

    @abstractmethod
    def execute_many(self, operation: str, seq_of_parameters: Sequence[dict[str, Any]], **options: Any) -> None:
        """Execute a statement once for each set of parameters."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ObjectStorageBlock(_Logging, Block, ABC):
    """A store of objects by path."""

    _block_schema_capabilities = ["object-storage"]

    @abstractmethod
    def download_object_to_path(self, from_path: str, to_path: str | Path, **options: Any) -> Any:
        """Fetch an object into a file."""

    @abstractmethod
    def download_object_to_file_object(self, from_path: str, to_file_object: BinaryIO, **options: Any) -> Any:
        """Fetch an object into an open file."""

    @abstractmethod
    def download_folder_to_path(self, from_folder: str, to_folder: str | Path, **options: Any) -> Any:
        """Fetch all objects below a path into a folder."""

    @abstractmethod
    def upload_from_path(self, from_path: str | Path, to_path: str, **options: Any) -> Any:
        """Store a file as an object."""

    @abstractmethod
    def upload_from_file_object(self, from_file_object: BinaryIO, to_path: str, **options: Any) -> Any:
        """Store what an open file holds as an object."""

    @abstractmethod
    def upload_from_folder(self, from_folder: str | Path, to_folder: str, **options: Any) -> Any:
        """Store all files of a folder as objects below a path."""


class SecretBlock(_Logging, Block, ABC):
    """A secret that another system keeps."""

    @abstractmethod
    def read_secret(self) -> bytes:
        """Read the secret."""

    @abstractmethod
    def write_secret(self, secret_data: bytes) -> str:
        """Give the secret another value; returns what the other system calls it."""
