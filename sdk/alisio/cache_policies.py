"""How the key is made under which the result of a task is cached: `@task(cache_policy=INPUTS + TASK_SOURCE)`.

Policies are added to look at more, and lose parameters by name: `INPUTS - "debug"`.
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

from alisio.results.hashing import hash_of
from alisio.results.options import absolute_place, fault_of_storage
from alisio.transactions import IsolationLevel

if TYPE_CHECKING:
    from alisio.engine.run_contexts import TaskRunContext
    from alisio.locking.protocol import LockManager
    from alisio.results.cache_options import CacheKeyFn
    from alisio.results.options import StorageOption

_CONFIGURED = ("key_storage", "isolation_level", "lock_manager")
_sources: WeakKeyDictionary[Callable[..., Any], str] = WeakKeyDictionary()


@dataclass
class CachePolicy:
    """Makes cache keys. A policy of your own is a subclass with `compute_key`.

    Attributes:
        key_storage: Where keys are kept, if not with the results: a folder, an address, or a store.
        isolation_level: `SERIALIZABLE`: of the runs with one key only one runs at a time.
        lock_manager: What holds the others back.
    """

    key_storage: StorageOption | None = field(default=None, kw_only=True)
    isolation_level: IsolationLevel | None = field(default=None, kw_only=True)
    lock_manager: LockManager | None = field(default=None, kw_only=True)

    @classmethod
    def from_cache_key_fn(cls, cache_key_fn: CacheKeyFn) -> CacheKeyFnPolicy:
        """Make a policy of a key function, as `@task(cache_key_fn=…)` does."""
        return CacheKeyFnPolicy(cache_key_fn=cache_key_fn)

    def configure(
        self,
        key_storage: StorageOption | None = None,
        lock_manager: LockManager | None = None,
        isolation_level: IsolationLevel | str | None = None,
    ) -> Self:
        """Make a policy of the same keys that is used in another way.

        Args:
            key_storage: See the attributes; None: as before. So are the others.
            lock_manager: See there.
            isolation_level: See there.

        Raises:
            ValueError: One of them cannot be used.
        """
        changed = copy.copy(self)
        if key_storage is not None:
            if (fault := fault_of_storage(key_storage)) is not None:
                raise ValueError(f"key_storage must be {fault}, not {key_storage!r}")
            is_place = isinstance(key_storage, str | os.PathLike)
            changed.key_storage = absolute_place(key_storage) if is_place else key_storage  # type: ignore[arg-type]
        if lock_manager is not None:
            changed.lock_manager = lock_manager
        if isolation_level is not None:
            changed.isolation_level = IsolationLevel(isolation_level)
        return changed

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Make the key of a task run.

        Args:
            task_ctx: Which run it is, of which task.
            inputs: Its arguments by name, defaults among them; of a method also the object, as `self`.
            flow_parameters: Those of the flow run that it is part of.
            kwargs: What later versions may give besides.

        Returns:
            The key; None: the run is not cached.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method compute_key")

    def __add__(self, other: CachePolicy) -> CachePolicy:
        """Make a policy that looks at what either looks at.

        Raises:
            ValueError: They are configured differently.
        """
        if not isinstance(other, CachePolicy):
            return NotImplemented
        if isinstance(other, NoCache):
            return self
        together = CompoundCachePolicy([*_parts(self), *_parts(other)])
        for name in _CONFIGURED:
            one, two = getattr(self, name), getattr(other, name)
            if one is not None and two is not None and one != two:
                raise ValueError(f"cache policies of different {name} cannot be added: {one!r} and {two!r}")
            setattr(together, name, two if one is None else one)
        return together

    def __sub__(self, parameter: str) -> CachePolicy:
        """Make a policy that does not look at a parameter of the task. One that looks at none is as it was."""
        if not isinstance(parameter, str):
            return NotImplemented
        return self


@dataclass
class CacheKeyFnPolicy(CachePolicy):
    """Has a function make the key: see `CacheKeywords`."""

    cache_key_fn: CacheKeyFn | None = None

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Call the function."""
        return None if self.cache_key_fn is None else self.cache_key_fn(task_ctx, inputs)


@dataclass
class CompoundCachePolicy(CachePolicy):
    """Makes one key of those of several policies; who makes none does not count."""

    policies: list[CachePolicy] = field(default_factory=list)

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Hash the keys of all."""
        keys = [each.compute_key(task_ctx, inputs, flow_parameters, **kwargs) for each in self.policies]
        made = sorted(key for key in keys if key is not None)
        return hash_of(tuple(made)) if made else None

    def __sub__(self, parameter: str) -> CachePolicy:
        """Make a policy none of whose parts looks at a parameter."""
        if not isinstance(parameter, str):
            return NotImplemented
        changed = copy.copy(self)
        changed.policies = [each - parameter for each in self.policies]
        return changed


@dataclass
class NoCache(CachePolicy):
    """Makes no key: a task always runs, in a later attempt of its flow run too."""

    never = True

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> None:
        """Make none."""

    def __add__(self, other: CachePolicy) -> CachePolicy:
        """Give the other."""
        return other


@dataclass
class Inputs(CachePolicy):
    """Looks at the arguments of the task.

    Attributes:
        exclude: The parameters that do not count.
    """

    exclude: list[str] = field(default_factory=list)

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Hash the arguments; None where there are none."""
        if not inputs:
            return None
        return hash_of({name: value for name, value in inputs.items() if name not in self.exclude})

    def __sub__(self, parameter: str) -> CachePolicy:
        """Make a policy for which this parameter does not count either."""
        if not isinstance(parameter, str):
            return NotImplemented
        changed = copy.copy(self)
        changed.exclude = [*self.exclude, parameter]
        return changed


@dataclass
class TaskSource(CachePolicy):
    """Looks at the source code of the task's own function."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Hash the source; where there is none, as in a notebook that is gone, the compiled code."""
        return _source_hash(inspect.unwrap(task_ctx.task.fn))


@dataclass
class FlowParameters(CachePolicy):
    """Looks at the parameters of the flow run."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Hash the parameters; None where there are none."""
        return hash_of(flow_parameters) if flow_parameters else None


@dataclass
class RunId(CachePolicy):
    """Looks at which flow run it is, or, outside of flows, which task run. All attempts are one run."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Give the run's id."""
        return str(task_ctx.flow_run_id or task_ctx.task_run_id)


def _parts(policy: CachePolicy) -> list[CachePolicy]:
    return policy.policies if isinstance(policy, CompoundCachePolicy) else [policy]


def _source_hash(function: Callable[..., Any]) -> str:
    function = getattr(function, "__func__", function)  # methods are made anew for each call
    known = _sources.get(function)
    if known is None:
        known = _sources[function] = hash_of(_source_of(function))
    return known


def _source_of(function: Callable[..., Any]) -> object:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        if code is None:
            return inspect.getsource(type(function))
        return code.co_code, [const for const in code.co_consts if not inspect.iscode(const)], code.co_names


INPUTS = Inputs()
TASK_SOURCE = TaskSource()
FLOW_PARAMETERS = FlowParameters()
RUN_ID = RunId()
NO_CACHE = NONE = NoCache()
DEFAULT = INPUTS + TASK_SOURCE + RUN_ID
