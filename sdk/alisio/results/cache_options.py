"""What a task says about caching its results. It loads with the decorators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:
    from alisio.cache_policies import CachePolicy

CacheKeyFn: TypeAlias = "Callable[[Any, dict[str, Any]], str | None]"
_LOCKING = ("acquire_lock", "aacquire_lock", "release_lock")


class CacheKeywords(TypedDict, total=False):
    """The options of `@task` about caching. Each but the last two has the results of the task stored.

    Attributes:
        cache_policy: How the key is made under which a result is stored, and found by other runs: see
            `alisio.cache_policies`. By default none: a result is only found by later attempts of its flow run.
        cache_key_fn: A function that makes the key, from the context of the task run and its arguments by name;
            where it gives None the run is not cached. It goes before `cache_policy`, but for `NO_CACHE`.
        cache_expiration: How long a stored result may be taken; by default for ever.
        refresh_cache: Whether to run all the same, and store the new result in the place of the old one; by default
            as `ALISIO_TASKS_REFRESH_CACHE` says.
    """

    cache_policy: CachePolicy | None
    cache_key_fn: CacheKeyFn | None
    cache_expiration: timedelta | None
    refresh_cache: bool | None


CACHE_OPTIONS = frozenset(CacheKeywords.__annotations__)


def fault_of_cache_option(option: str, value: Any) -> str | None:
    """Tell what the value of an option must be; None where it can be used."""
    if option == "cache_policy":
        return _fault_of_policy(value)
    if option == "cache_key_fn":
        return None if callable(value) else "a function of a context and a dict of arguments"
    if option == "cache_expiration":
        return None if isinstance(value, timedelta) and value > timedelta(0) else "a timedelta of more than 0"
    return None if isinstance(value, bool) else "True or False"


def is_no_cache(policy: Any) -> bool:
    """Tell whether a policy is `NO_CACHE`."""
    return getattr(policy, "never", False) is True


def _fault_of_policy(policy: Any) -> str | None:
    if isinstance(policy, type) or not callable(getattr(policy, "compute_key", None)):
        return "a policy of alisio.cache_policies, such as INPUTS + TASK_SOURCE"
    manager = getattr(policy, "lock_manager", None)
    if getattr(policy, "isolation_level", None) == "SERIALIZABLE" and manager is None:
        return "configured with a lock_manager too, as its isolation_level is SERIALIZABLE"
    if manager is not None and not all(callable(getattr(manager, method, None)) for method in _LOCKING):
        return f"configured with a lock_manager that has {', '.join(_LOCKING)}"
    return None
