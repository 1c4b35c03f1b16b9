"""How an attribute of `alisio.runtime` is found: a variable that stands for it, else the run, else what is empty."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from alisio.exceptions import SettingsError

RunT = TypeVar("RunT")


class Answer(NamedTuple, Generic[RunT]):
    """What is answered for one attribute.

    Attributes:
        of: Finds it for a run.
        otherwise: Gives what it is where no run is.
        read: Reads it from a variable's text.
    """

    of: Callable[[RunT], Any]
    otherwise: Callable[[], Any] = lambda: None
    read: Callable[[str], Any] = str


def answer(kind: str, name: str, answers: Mapping[str, Answer[RunT]], run: RunT | None) -> Any:
    """Find an attribute.

    Args:
        kind: The module, such as `flow_run`.
        name: The attribute. One that there is not can be made up by a variable; it is a text then.
        answers: Those that there are.
        run: The run whose code asks.

    Raises:
        AttributeError: There is no such attribute.
        SettingsError: The variable's text cannot be read as such.
    """
    known = answers.get(name)
    variable = f"ALISIO__RUNTIME__{kind.upper()}__{name.upper()}"
    text = os.environ.get(variable)
    if text is not None:
        try:
            return text if known is None else known.read(text)
        except ValueError as error:
            raise SettingsError(f"{variable} cannot be read: {error}") from error
    if known is None:
        raise AttributeError(f"module 'alisio.runtime.{kind}' has no attribute {name!r}")
    return known.otherwise() if run is None else known.of(run)


def read_time(text: str) -> datetime:
    """Read a time, ISO 8601; without an offset it is in UTC."""
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def read_tags(text: str) -> list[str]:
    """Read tags: a JSON list, or names with commas between."""
    if not text.lstrip().startswith("["):
        return [each.strip() for each in text.split(",") if each.strip()]
    return [str(each) for each in json.loads(text)]


def read_object(text: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: It is something else.
    """
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"it must be a JSON object, not {text!r}")
    return value


def address_of(path: str) -> str | None:
    """Give the address of something in the API; None: the database is worked on in this process."""
    from alisio.client.discovery import find_server
    from alisio.settings import current_settings

    api_url = find_server(current_settings())
    return None if api_url is None else f"{api_url}/{path}"
