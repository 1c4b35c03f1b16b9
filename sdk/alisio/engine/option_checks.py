"""What options of flows and tasks may be. Each check refuses what cannot be used with one line that names the option.

It loads with the decorators, so it imports next to nothing.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any

from alisio.options import Hook, RetryDelay, RunName

MAX_RETRIES = 1_000
MAX_JITTER = 1_000


def checked_retries(label: str, retries: Any) -> int:
    """Check how often something runs again; None is 0."""
    if retries is None:
        return 0
    if not isinstance(retries, int) or isinstance(retries, bool) or not 0 <= retries <= MAX_RETRIES:
        raise ValueError(f"{label}: retries must be a number from 0 to {MAX_RETRIES}, not {retries!r}")
    return retries


def checked_delays(label: str, delay: RetryDelay | None, retries: int) -> tuple[float, ...]:
    """Make the delays before the retries; none where there are no retries, or nothing was said."""
    given = delay
    if callable(delay):
        try:
            given = delay(retries)
        except Exception as error:
            raise ValueError(
                f"{label}: retry_delay_seconds must give delays, but it raised {type(error).__name__}: {error}"
            ) from error
    if given is None and delay is None:
        return ()
    delays: Sequence[float] = (given,) if isinstance(given, int | float) else given  # type: ignore[assignment]
    if not isinstance(delays, Sequence) or not all(_is_seconds(seconds) for seconds in delays):
        raise ValueError(f"{label}: retry_delay_seconds must be seconds, 0 or more, not {given!r}")
    return tuple(float(seconds) for seconds in delays[:MAX_RETRIES] if retries)


def checked_jitter(label: str, factor: Any) -> float:
    """Check by how much delays may be longer; None is 0."""
    if factor is None:
        return 0.0
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 <= factor <= MAX_JITTER:
        raise ValueError(f"{label}: retry_jitter_factor must be a number from 0 to {MAX_JITTER}, not {factor!r}")
    return float(factor)


def checked_timeout(label: str, timeout: Any) -> float | None:
    """Check a limit in seconds; 0 and None are none."""
    if timeout is None:
        return None
    if not _is_seconds(timeout):
        raise ValueError(f"{label}: timeout_seconds must be seconds, 0 or more, not {timeout!r}")
    return float(timeout) or None


def checked_flag(label: str, option: str, value: Any) -> bool | None:
    """Check what is True, False, or not said."""
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{label}: {option} must be True or False, not {value!r}")
    return value


def checked_text(label: str, option: str, value: Any) -> str | None:
    """Check what is a text, or not said."""
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{label}: {option} must be a text, not {value!r}")
    return value


def checked_function(label: str, option: str, value: Any) -> Callable[..., Any] | None:
    """Check what is a function, or not said."""
    if value is not None and not callable(value):
        raise ValueError(f"{label}: {option} must be a function, not {value!r}")
    return value  # type: ignore[no-any-return]


def checked_hooks(label: str, options: Mapping[str, Any], names: Sequence[str]) -> dict[str, list[Hook]]:
    """Check the hooks among these options.

    Returns:
        Those of each name, where there are any.
    """
    hooks = {}
    for option in names:
        given = options.get(option)
        if given is None:
            continue
        if callable(given) or isinstance(given, str) or not isinstance(given, Sequence):
            raise ValueError(f"{label}: {option} must be a list of functions, not {given!r}: write {option}=[…]")
        for hook in given:
            if not callable(hook):
                raise ValueError(f"{label}: {option} must be a list of functions, but {hook!r} is none")
        if given:
            hooks[option] = list(given)
    return hooks


def checked_run_name(label: str, option: str, name: Any, signature: inspect.Signature) -> RunName | None:
    """Check a name for runs: a template over the parameters, or a function."""
    if name is None or callable(name):
        return name  # type: ignore[no-any-return]
    option = f"{label}: {option}"
    if not isinstance(name, str) or not name:
        raise ValueError(f"{option} must be a text or a function that makes one, not {name!r}")
    try:
        fields = [field for _, field, _, _ in Formatter().parse(name) if field is not None]
    except ValueError as error:
        raise ValueError(f"{option} {name!r} is no template: {error}") from None
    for parameter in (re.split(r"[.\[]", field, maxsplit=1)[0] for field in fields):
        if parameter not in signature.parameters:
            there = ", ".join(signature.parameters) or "none"
            raise ValueError(f"{option} has {parameter!r}, which is no parameter; there are: {there}")
    return name


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
