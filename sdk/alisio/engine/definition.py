"""What flows and tasks have in common: a function, and how it is to be run."""

from __future__ import annotations

import copy
import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any, Self, TypeAlias, cast

from alisio.contract.retries import delay_before
from alisio.exceptions import ParameterError
from alisio.results.options import checked_options

RunName: TypeAlias = "str | Callable[[], str]"
RetryDelay: TypeAlias = "float | Sequence[float] | Callable[[int], Sequence[float]]"
RESERVED = ("return_state", "wait_for")


class Definition:
    """A function with its name and its rules.

    Attributes:
        fn: The user's function.
        name: What its runs are listed under.
        description: By default the function's docstring.
        is_async: Whether it must be awaited.
        run_name: A template over its parameters, or a function that makes the name.
        retries: How often to run it again when it fails.
        retry_delays: Seconds before retry 1, 2, …; the last one serves for those beyond; empty: none.
        given_delay: What the delays were made from, for a definition with another number of retries.
        timeout_seconds: How long one attempt may take; None: as long as it needs.
        log_prints: Whether `print` writes to the run's log; None: as the run around it does.
        results: What is said about its results.
    """

    kind = "function"

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        name: str,
        description: str | None,
        run_name: RunName | None,
        retries: int,
        retry_delay_seconds: RetryDelay,
        timeout_seconds: float | None,
        log_prints: bool | None,
        results: Mapping[str, Any],
    ) -> None:
        if not callable(fn):
            raise TypeError(f"@{self.kind} goes on a function, not on {fn!r}")
        if not isinstance(name, str):
            raise ValueError(f"{self.kind} {name!r}: its name must be a text")
        functools.update_wrapper(cast(Any, self), fn)
        self.fn = fn
        self.name = name
        self.description = description if description is not None else inspect.getdoc(fn)
        self.is_async = inspect.iscoroutinefunction(fn)
        self.retries = self._checked_retries(retries)
        self.given_delay = retry_delay_seconds
        self.retry_delays = self._checked_delays(retry_delay_seconds)
        self.timeout_seconds = self._checked_timeout(timeout_seconds)
        self.log_prints = log_prints
        self.results = checked_options(self.kind, name, results)
        self.signature = inspect.signature(fn)
        self._plain_names = _plain_names(self.signature)
        self.run_name = self._checked_run_name(run_name)
        for reserved in RESERVED:
            if reserved in self.signature.parameters:
                raise ValueError(f"{self.kind} {name!r}: {reserved!r} cannot be the name of a parameter of it")

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        """Bind the function to an instance, as Python does for methods."""
        if instance is None:
            return self
        bound = copy.copy(self)
        bound.fn = self.fn.__get__(instance, owner)
        bound.signature = inspect.signature(bound.fn)
        bound._plain_names = _plain_names(bound.signature)
        return bound

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        """Match arguments to parameters.

        Raises:
            ParameterError: They do not match; the message names the parameter.
        """
        try:
            return self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ParameterError(f"{self.kind} {self.name!r}: {error}") from None

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

    def _checked_retries(self, retries: int) -> int:
        if not isinstance(retries, int) or not 0 <= retries <= 1_000:
            raise ValueError(f"{self.kind} {self.name!r}: retries must be a number from 0 to 1000, not {retries!r}")
        return retries

    def _checked_delays(self, delay: RetryDelay) -> tuple[float, ...]:
        if callable(delay):
            delay = delay(self.retries)
        delays: Sequence[float] = (delay,) if isinstance(delay, int | float) else delay
        if not isinstance(delays, Sequence) or not all(
            isinstance(seconds, int | float) and 0 <= seconds < float("inf") for seconds in delays
        ):
            raise ValueError(f"{self.kind} {self.name!r}: retry delays must be seconds, 0 or more, not {delay!r}")
        return tuple(float(seconds) for seconds in delays[:1_000] if self.retries)

    def _checked_timeout(self, timeout: float | None) -> float | None:
        if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
            raise ValueError(f"{self.kind} {self.name!r}: timeout_seconds must be more than 0, not {timeout!r}")
        return timeout

    def _checked_run_name(self, run_name: RunName | None) -> RunName | None:
        if run_name is None or callable(run_name):
            return run_name
        option = f"{self.kind} {self.name!r}: {self.kind}_run_name"
        if not isinstance(run_name, str) or not run_name:
            raise ValueError(f"{option} must be a text or a function that makes one, not {run_name!r}")
        try:
            fields = [field for _, field, _, _ in Formatter().parse(run_name) if field is not None]
        except ValueError as error:
            raise ValueError(f"{option} {run_name!r} is no template: {error}") from None
        for name in (re.split(r"[.\[]", field, maxsplit=1)[0] for field in fields):
            if name not in self.signature.parameters:
                there = ", ".join(self.signature.parameters) or "none"
                raise ValueError(f"{option} has {name!r}, which is no parameter; there are: {there}")
        return run_name


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
