"""What flows and tasks have in common: a function, and how it is to be run."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar, cast

from alisio.contract.retries import delay_before
from alisio.engine import option_checks as checks
from alisio.exceptions import ParameterError
from alisio.options import CommonOptions, Hook
from alisio.results.options import checked_options

H = TypeVar("H", bound=Callable[..., object])

RESERVED = ("return_state", "wait_for")
_COMMON = frozenset(CommonOptions.__annotations__)


class Definition:
    """A function with its name and its rules.

    Attributes:
        fn: The user's function.
        options: Those that were given, as they were.
        name: What its runs are listed under.
        description: By default the function's docstring.
        is_async: Whether it must be awaited, or, where it is a generator, iterated over by `async for`.
        is_generator: Whether it yields.
        run_name: A template over its parameters, or a function that makes the name.
        retries: How often to run it again when it fails.
        retry_delays: Seconds before retry 1, 2, …; the last one serves for those beyond; empty: none.
        timeout_seconds: How long one attempt may take; None: as long as it needs.
        log_prints: Whether `print` writes to the run's log; None: as the run around it does.
        retry_condition_fn: Asked before each retry whether to; None: always.
        retry_jitter_factor: By how much a delay may be longer.
        hooks: What is called when its runs come to certain states, by the option; none are there without any.
        results: What is said about its results.
    """

    kind = "function"
    hook_options: tuple[str, ...] = ()
    own_options: frozenset[str] = frozenset()
    retry_condition_fn: Callable[..., Any] | None = None
    retry_jitter_factor = 0.0

    def __init__(self, fn: Any, options: Mapping[str, Any]) -> None:
        function = fn.__func__ if isinstance(fn, classmethod | staticmethod) else fn
        if not callable(function):
            raise TypeError(f"@{self.kind} goes on a function, not on {fn!r}")
        functools.update_wrapper(cast(Any, self), function)
        self.fn: Callable[..., Any] = function
        self.options = {option: value for option, value in options.items() if value is not None}
        self.name: str = self._checked_name(options.get("name") or self._default_name())
        label = self.label
        self.description: str | None = checks.checked_text(label, "description", options.get("description"))
        if self.description is None:
            self.description = inspect.getdoc(function)
        self.is_generator: bool = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
        self.is_async: bool = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        self.retries: int = checks.checked_retries(label, options.get("retries"))
        self.retry_delays: tuple[float, ...] = checks.checked_delays(
            label, options.get("retry_delay_seconds"), self.retries
        )
        self.timeout_seconds: float | None = checks.checked_timeout(label, options.get("timeout_seconds"))
        self.log_prints: bool | None = checks.checked_flag(label, "log_prints", options.get("log_prints"))
        self.hooks: dict[str, list[Hook]] = checks.checked_hooks(label, options, self.hook_options)
        others = {option: value for option, value in options.items() if option not in _COMMON | self.own_options}
        self.results = checked_options(self.kind, self.name, others)
        self._descriptor = fn if function is not fn else None
        self._take_signature(inspect.signature(function))
        run_name = f"{self.kind}_run_name"
        self.run_name = checks.checked_run_name(label, run_name, options.get(run_name), self.signature)
        for reserved in RESERVED:
            if reserved in self.signature.parameters:
                raise ValueError(f"{label}: {reserved!r} cannot be the name of a parameter of it")

    @property
    def label(self) -> str:
        """What messages call it, such as `flow 'etl'`."""
        return f"{self.kind} {self.name!r}"

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        """Bind the function to an instance or a class, as Python does for methods."""
        if isinstance(self._descriptor, staticmethod) or (instance is None and self._descriptor is None):
            return self
        bound = copy.copy(self)
        bound._descriptor = None
        bound.fn = (self._descriptor or self.fn).__get__(instance, owner)
        bound.signature, bound._plain_names = self._bound_signature(bound.fn)
        return bound

    def on_completion(self, hook: H) -> H:
        """Call this function when a run has COMPLETED: `@etl.on_completion`."""
        return self._add_hook("on_completion", hook)

    def on_failure(self, hook: H) -> H:
        """Call this function when a run has FAILED and is not retried: `@etl.on_failure`."""
        return self._add_hook("on_failure", hook)

    def on_running(self, hook: H) -> H:
        """Call this function when a run begins, in each attempt: `@etl.on_running`."""
        return self._add_hook("on_running", hook)

    def options_with(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Give its options, hooks that were added since among them, with others laid over; None changes nothing."""
        given = {option: value for option, value in changes.items() if value is not None}
        # A folder for results stays where it was when it was first named.
        own = {option: getattr(self.results, option, value) for option, value in self.options.items()}
        return {**own, **self.hooks, **given}

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        """Match arguments to parameters.

        Raises:
            ParameterError: They do not match; the message names the parameter.
        """
        try:
            return self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ParameterError(f"{self.label}: {error}") from None

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Match arguments to parameters, and give them by name; what is left to its default is not among them.

        Raises:
            ParameterError: As for `bind`.
        """
        if not kwargs and len(args) == len(self._plain_names):
            # What most calls are needs none of the 10 µs that `bind` takes.
            return dict(zip(self._plain_names, args, strict=True))
        return self.bind(args, kwargs).arguments

    def delay_before(self, retry: int) -> float:
        """Tell how many seconds to wait before a retry, counted from 1."""
        return delay_before(retry, self.retry_delays)

    def _default_name(self) -> str:
        return str(getattr(self.fn, "__name__", self.kind))

    def _checked_name(self, name: Any) -> str:
        if not isinstance(name, str):
            raise ValueError(f"{self.kind} {name!r}: its name must be a text")
        return name

    def _add_hook(self, option: str, hook: H) -> H:
        checks.checked_function(self.label, option, hook)
        self.hooks.setdefault(option, []).append(hook)
        return hook

    def _take_signature(self, signature: inspect.Signature) -> None:
        self.signature = signature
        self._plain_names = _plain_names(signature)
        self._bound: tuple[inspect.Signature, tuple[str, ...]] | None = None

    def _bound_signature(self, function: Callable[..., Any]) -> tuple[inspect.Signature, tuple[str, ...]]:
        # It is the same for all instances, and takes longer to find than a task takes to run.
        if self._bound is None:
            signature = inspect.signature(function)
            self._bound = signature, _plain_names(signature)
        return self._bound


def _plain_names(signature: inspect.Signature) -> tuple[str, ...]:
    """Give the names of the parameters where all can be given by position, else none."""
    variadic = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    if any(parameter.kind in variadic for parameter in signature.parameters.values()):
        return ()
    return tuple(signature.parameters)


def file_version(fn: Callable[..., Any]) -> str:
    """Make a version of a function's file: the first digits of its sha256; `unknown` where there is no file."""
    import hashlib
    from pathlib import Path

    try:
        return hashlib.sha256(Path(inspect.getfile(inspect.unwrap(fn))).read_bytes()).hexdigest()[:16]
    except (OSError, TypeError):
        return "unknown"
