"""The cache key of a task run, by its policy; and the lock on that key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alisio.engine.identity import arguments_of
from alisio.engine.run_contexts import TaskRunContext
from alisio.engine.runs import TaskRun
from alisio.exceptions import ResultError
from alisio.results.options import ResultOptions

if TYPE_CHECKING:
    from alisio.cache_policies import CachePolicy
    from alisio.locking.held import Lock


def policy_of(options: ResultOptions) -> CachePolicy | None:
    """Give the policy that holds for a task; None: it says nothing of caching, or has a key of its own."""
    if options.result_storage_key is not None:
        return None
    if options.cache_key_fn is None or getattr(options.cache_policy, "never", False):
        return options.cache_policy
    from alisio.cache_policies import CacheKeyFnPolicy

    return CacheKeyFnPolicy(cache_key_fn=options.cache_key_fn)


def cache_key_of(run: TaskRun, policy: CachePolicy) -> str | None:
    """Make the cache key of a run.

    Returns:
        The key; None: it is not cached.

    Raises:
        Exception: What the policy raised, or what it gave is no key.
    """
    inputs = arguments_of(run)
    bound_to = getattr(run.definition.fn, "__self__", None)
    if bound_to is not None:
        inputs = {"self": bound_to, **inputs}
    flow_parameters = {} if run.flow_run is None else run.flow_run.parameters
    key: Any = policy.compute_key(TaskRunContext(run, inputs), inputs, flow_parameters)
    if key is not None and not (isinstance(key, str) and key):
        raise ResultError(f"a cache key must be a text that is not empty, or None, not {key!r}")
    return key


def lock_of(run: TaskRun, policy: CachePolicy, key: str) -> Lock | None:
    """Give the lock that a run needs; None: it may run beside others with its key."""
    if policy.isolation_level != "SERIALIZABLE" or policy.lock_manager is None:
        return None
    from alisio.locking.held import Lock

    # What belongs to one transaction does not wait for another part of it.
    holder = run.id if run.transaction is None else run.transaction.root.id
    return Lock(policy.lock_manager, key, str(holder))
