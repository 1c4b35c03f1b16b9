"""Putting the handlers in their places, when the first run starts and whenever the settings have changed since."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING

from alisio.logging.handlers import APILogHandler, ConsoleHandler
from alisio.utilities.forks import whole_in_forks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from alisio.settings import Settings

OVERRIDES = tuple(f"ALISIO_LOGGING_{section}_" for section in ("FILTERS", "FORMATTERS", "HANDLERS", "LOGGERS", "ROOT"))
"""What the names of variables begin with that lie over the file's entries."""

_lock = whole_in_forks(threading.Lock())
_done: object = None
_console = True
_relay: Callable[[], logging.Handler] | None = None
_places: list[Place] = []
_untouched: dict[logging.Logger, tuple[int, bool]] = {}
"""Of each logger that has a place, its level and whether it propagated, before it had one."""


class Place:
    """A logger, and what was done to it.

    Args:
        name: The logger's name; `""`: the root.
        handlers: What it is to have besides those that it has.
        level: Its level; None: as it is.
        propagate: Whether its records go to the loggers above it as well; None: as it is.
        filters: What its records are to pass besides.

    Attributes:
        made: Handlers that are closed when it is left, in this order.
    """

    def __init__(
        self,
        name: str,
        handlers: Iterable[logging.Handler],
        level: int | str | None = None,
        propagate: bool | None = None,
        filters: Iterable[logging.Filter] = (),
    ) -> None:
        self.logger = logging.getLogger(name)
        self.handlers = list(handlers)
        self.filters = list(filters)
        self.level = level
        self.propagate = propagate
        self.made: list[logging.Handler] = []

    def take(self) -> None:
        """Do it."""
        for handler in self.handlers:
            self.logger.addHandler(handler)
        for each in self.filters:
            self.logger.addFilter(each)
        if self.level is not None:
            self.logger.setLevel(self.level)
        if self.propagate is not None:
            self.logger.propagate = self.propagate

    def leave(self) -> None:
        """Take away what it has added."""
        for handler in self.handlers:
            self.logger.removeHandler(handler)
        for each in self.filters:
            self.logger.removeFilter(each)
        for handler in self.made:
            handler.close()


def set_up(
    settings: Settings | None = None, *, console: bool = True, relay: Callable[[], logging.Handler] | None = None
) -> None:
    """Put the handlers in their places; where nothing has changed since the last call, nothing is done.

    Args:
        settings: In place of those that hold now.
        console: Whether lines are shown on stderr as well; the first call in a process decides.
        relay: Makes what takes the place of each handler, in a worker: the flow's process has the handlers, and what
            comes to both would be written twice; the first call decides likewise.

    Raises:
        SettingsError: The file of the logging's settings, or a variable that lies over it, cannot be used.
    """
    global _done, _console, _relay
    from alisio.settings import current_settings

    chosen = settings or current_settings()
    path = chosen.logging_settings_path
    overrides = {name: value for name, value in os.environ.items() if name.startswith(OVERRIDES)}
    at = (path, path.stat().st_mtime_ns) if path.is_file() else None
    wanted = (chosen.logging_level, chosen.logging_extra_loggers, chosen.logging_to_api_enabled, at, overrides)
    with _lock:
        if _done == wanted:
            return
        if _done is None:
            _console, _relay = console, relay
            if console and sys.excepthook is sys.__excepthook__:
                sys.excepthook = _show_user_code
        if at is None and not overrides:
            places = _default_places(chosen)
        else:
            from alisio.logging.files import places_of

            places = places_of(None if at is None else path, overrides, chosen, console=_console, relay=_relay)
        _replace(places)
        APILogHandler.enabled = chosen.logging_to_api_enabled
        _done = wanted


def _default_places(settings: Settings) -> list[Place]:
    handlers: list[logging.Handler] = [APILogHandler() if _relay is None else _relay()]
    if _console:
        handlers.append(ConsoleHandler())
    places = [Place("alisio", handlers, settings.logging_level, False)]
    return places + extra_places(settings, handlers)


def extra_places(settings: Settings, handlers: list[logging.Handler]) -> list[Place]:
    """Give the places of the loggers that `ALISIO_LOGGING_EXTRA_LOGGERS` names; a level that one has stays."""
    names = [name for name in settings.logging_extra_loggers if name != "alisio" and not name.startswith("alisio.")]
    own = {place.logger.name for place in _places if place.level is not None}
    return [
        Place(
            name,
            handlers,
            settings.logging_level if logging.getLogger(name).level == logging.NOTSET or name in own else None,
        )
        for name in names
    ]


def _replace(places: list[Place]) -> None:
    """Take the new places before the old ones are left, so that no line is lost in between."""
    global _places
    before, _places = _places, places
    for place in places:
        _untouched.setdefault(place.logger, (place.logger.level, place.logger.propagate))
        place.take()
    for place in before:
        place.leave()
    for logger in {place.logger for place in before}:
        then, now = ([place for place in each if place.logger is logger] for each in (before, places))
        level, propagate = _untouched[logger] if now else _untouched.pop(logger)
        if _say(then, "level") and not _say(now, "level"):
            logger.setLevel(level)
        if _say(then, "propagate") and not _say(now, "propagate"):
            logger.propagate = propagate


def _say(places: list[Place], what: str) -> bool:
    return any(getattr(place, what) is not None for place in places)


def _show_user_code(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an exception that ends the program as Python does, without the engine's frames."""
    from alisio.engine.tracebacks import without_engine

    error.__traceback__ = trace
    without_engine(error)
    sys.__excepthook__(kind, error, error.__traceback__)
