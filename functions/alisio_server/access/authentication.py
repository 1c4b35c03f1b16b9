"""From an `Authorization` header to a caller: keys that are known are looked up again every 30 s."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy.exc import OperationalError

from alisio_server.access.callers import Caller
from alisio_server.access.throttle import Throttle
from alisio_server.database.engine import Database
from alisio_server.errors import TooManyRequestsError, UnauthenticatedError
from alisio_server.orchestration.api_keys import KeyOwner, note_use, verify_key

TRUSTED_SECONDS = 30.0
"""How long a key that was found good is not looked up again: a revocation is felt so much later at most."""

_MAX_KNOWN = 10_000
_HOW = "send `Authorization: Bearer KEY` (set ALISIO_API_KEY); an admin makes keys with `alisio api-key create`"

logger = logging.getLogger("alisio.server")


@dataclass(frozen=True)
class _Known:
    owner: KeyOwner
    verified: float


class Authentication:
    """Tells who has which key. Safe to use from several threads.

    Args:
        database: Where the keys are.
        clock: Seconds that never go back.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._throttle = Throttle(clock)
        # By digest, so that no key lies in memory for longer than its request.
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def authenticate(self, authorization: str | None, source: str) -> Caller:
        """Tell who sends a request.

        Args:
            authorization: The header's value.
            source: The address it came from.

        Raises:
            UnauthenticatedError: There is no key, or none that may be used.
            TooManyRequestsError: Too many keys from there were wrong in the last minute.
            sqlalchemy.exc.OperationalError: The database cannot be asked.
        """
        if authorization is None:
            raise UnauthenticatedError(f"this server wants an API key: {_HOW}", code="api_key_missing")
        scheme, _, key = authorization.partition(" ")
        digest = hashlib.sha256(authorization.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            known = self._known.get(digest)
            if known is not None and self._clock() - known.verified < TRUSTED_SECONDS:
                return _caller(known.owner, source)
            # A right key passes, whoever guesses beside it: nobody guesses 256 bits, and many share an address.
            owner = self._look_up(key.strip()) if scheme.lower() == "bearer" else None
            if owner is None:
                self._known.pop(digest, None)
                self._refuse_guessing(source)
                self._throttle.note(source)
                raise UnauthenticatedError(
                    f"the API key is unknown, revoked or expired: {_HOW}", code="api_key_refused"
                )
            self._remember(digest, owner)
            return _caller(owner, source)

    def _refuse_guessing(self, source: str) -> None:
        pause = self._throttle.pause_of(source)
        if pause:
            raise TooManyRequestsError(
                f"too many wrong API keys came from {source or 'there'}: try again in {pause} s", retry_after=pause
            )

    def _look_up(self, key: str) -> KeyOwner | None:
        with self._database.read() as connection:
            owner = verify_key(connection, key, self._database.now(connection))
        if owner is not None and owner.use_is_news:
            try:
                with self._database.write() as connection:
                    note_use(connection, owner.id, self._database.now(connection))
            except OperationalError as error:
                # A database that takes no writes may be read all the same.
                logger.warning("the use of API key %s could not be noted: %s", owner.name, error.orig)
        return owner

    def _remember(self, digest: bytes, owner: KeyOwner) -> None:
        self._known[digest] = _Known(replace(owner, use_is_news=False), self._clock())
        self._known.move_to_end(digest)
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)


def _caller(owner: KeyOwner, source: str) -> Caller:
    return Caller(owner.name, owner.role, owner.id, source)
