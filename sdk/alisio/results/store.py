"""`ResultStore`: reading and writing stored results by key, from any code."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from alisio.exceptions import MissingResultError, ResultError
from alisio.results.options import SERIALIZERS, SerializerOption, absolute_place, default_rules, fault_of_storage
from alisio.results.records import Record, pack, unpack
from alisio.results.storage import ResultStorage, open_storage

if TYPE_CHECKING:
    from alisio.locking.protocol import LockManager
    from alisio.results.options import StorageOption
    from alisio.transactions import IsolationLevel

T = TypeVar("T")


class ResultMetadata(NamedTuple):
    """What is known of a stored result besides its value.

    Attributes:
        storage_key: Its key.
        serializer: The name of its serializer.
        expiration: Until when it may be taken in place of a run; None: for ever.
        written_by: The versions of Python and Alisio.
    """

    storage_key: str
    serializer: str
    expiration: datetime | None
    written_by: str


class ResultRecord(NamedTuple):
    """A stored result that was read."""

    result: Any
    metadata: ResultMetadata


class ResultStore:
    """Stored results by key, and locks on the keys.

    Args:
        result_storage: A folder, an address such as `s3://bucket/results`, or a store; by default
            what the settings say.
        serializer: How results are written; by default `"pickle"`. What is read says itself how it was written.
        lock_manager: What locks the keys; None: they cannot be locked.

    Raises:
        ValueError: The storage cannot be one.
    """

    def __init__(
        self,
        result_storage: StorageOption | None = None,
        serializer: SerializerOption | None = None,
        lock_manager: LockManager | None = None,
    ) -> None:
        if result_storage is not None and (fault := fault_of_storage(result_storage)) is not None:
            raise ValueError(f"result_storage must be {fault}, not {result_storage!r}")
        is_place = isinstance(result_storage, str | os.PathLike)
        self.result_storage = absolute_place(result_storage) if is_place else result_storage  # type: ignore[arg-type]
        self.serializer: SerializerOption = serializer or SERIALIZERS[0]
        self.lock_manager = lock_manager

    @property
    def storage(self) -> ResultStorage:
        """Where the results lie."""
        if self.result_storage is None:
            from alisio.settings import current_settings

            self.result_storage = default_rules(current_settings()).storage
        return open_storage(self.result_storage)

    def exists(self, key: str) -> bool:
        """Tell whether there is a result under a key that is whole and has not expired."""
        try:
            return not self._record(key).expired
        except ResultError:
            return False

    def read(self, key: str) -> ResultRecord:
        """Read a result.

        Raises:
            MissingResultError: There is none.
            ResultError: It is damaged, or cannot be read here.
        """
        record = self._record(key)
        expiration = None if record.expires is None else datetime.fromtimestamp(record.expires, UTC)
        metadata = ResultMetadata(key, record.serializer, expiration, record.versions)
        return ResultRecord(record.value(self.serializer, self.storage), metadata)

    def write(self, obj: Any, key: str, expiration: datetime | None = None) -> None:
        """Write a result.

        Args:
            obj: The value.
            key: Its key.
            expiration: Until when it may be taken in place of a run; None: for ever.

        Raises:
            Exception: It cannot be serialised, or not be written.
        """
        expires = None if expiration is None else expiration.timestamp()
        self.storage.write(key, pack(obj, self.serializer, None, expires))

    async def aexists(self, key: str) -> bool:
        """Tell the same as `exists` without blocking the event loop."""
        return await _in_thread(lambda: self.exists(key))

    async def aread(self, key: str) -> ResultRecord:
        """Read a result as `read` does, without blocking the event loop."""
        return await _in_thread(lambda: self.read(key))

    async def awrite(self, obj: Any, key: str, expiration: datetime | None = None) -> None:
        """Write a result as `write` does, without blocking the event loop."""
        await _in_thread(lambda: self.write(obj, key, expiration))

    def value_of(self, key: str) -> Any:
        """Read the value under a key; None where there is none."""
        return self.read(key).result if self.exists(key) else None

    def record_of(self, key: str, value: Any) -> tuple[ResultStorage, str, bytes]:
        """Make the record of a value, to be written under a key.

        Raises:
            Exception: It cannot be serialised.
        """
        return self.storage, key, pack(value, self.serializer, None)

    def supports_isolation_level(self, level: IsolationLevel | str) -> bool:
        """Tell whether transactions on this store can be of an isolation level."""
        return level == "READ_COMMITTED" or (level == "SERIALIZABLE" and self.lock_manager is not None)

    def acquire_lock(self, key: str, holder: str | None = None, timeout: float | None = None) -> bool:
        """Take the lock of a key.

        Args:
            key: Which one.
            holder: Who takes it; by default this thread.
            timeout: How many seconds to wait at most.

        Returns:
            Whether the holder has it now.

        Raises:
            ValueError: There is no lock manager.
        """
        return self._locks().acquire_lock(key, holder or _this_thread(), timeout)

    async def aacquire_lock(self, key: str, holder: str | None = None, timeout: float | None = None) -> bool:
        """Take the lock of a key as `acquire_lock` does, without blocking the event loop."""
        return await self._locks().aacquire_lock(key, holder or _this_thread(), timeout)

    def release_lock(self, key: str, holder: str | None = None) -> None:
        """Give the lock of a key back.

        Raises:
            ValueError: The holder does not have it, or there is no lock manager.
        """
        self._locks().release_lock(key, holder or _this_thread())

    def is_locked(self, key: str) -> bool:
        """Tell whether anybody has the lock of a key."""
        return self._locks().is_locked(key)

    def is_lock_holder(self, key: str, holder: str | None = None) -> bool:
        """Tell whether a holder, by default this thread, has the lock of a key."""
        return self._locks().is_lock_holder(key, holder or _this_thread())

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has the lock of a key; tell whether that was in time."""
        return self._locks().wait_for_lock(key, timeout)

    def _record(self, key: str) -> Record:
        storage = self.storage
        try:
            if not storage.exists(key):
                raise MissingResultError(f"there is no result under the key {key!r}")
            return unpack(storage.read(key))
        except FileNotFoundError as error:
            raise MissingResultError(f"there is no result under the key {key!r} any more") from error

    def _locks(self) -> LockManager:
        if self.lock_manager is None:
            raise ValueError("this result store has no lock_manager: make it with ResultStore(lock_manager=…)")
        return self.lock_manager


def get_result_store() -> ResultStore:
    """Give the store of the run whose code this is; outside of runs, that of the settings."""
    from alisio.context import current_flow_run, current_task_run

    run = current_task_run.get() or current_flow_run.get()
    if run is None or run.results is None:
        return ResultStore()
    return ResultStore(run.results.storage, run.results.serializer)


def _this_thread() -> str:
    import socket

    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"


async def _in_thread(function: Callable[[], T]) -> T:
    import asyncio

    return await asyncio.to_thread(function)
