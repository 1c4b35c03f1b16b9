"""The file of the logging's settings, as `logging.config.dictConfig` reads it, and the variables that lie over it.

It is applied without what that function does besides: it closes all handlers that the program has made before.
"""

from __future__ import annotations

import logging
import logging.config
import re
import string
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from alisio.exceptions import SettingsError
from alisio.logging.configuration import Place, extra_places
from alisio.logging.handlers import ConsoleHandler
from alisio.settings import Settings, read_values

EXTRA = "alisio.extra"
"""The logger of the file whose handlers the loggers have that `ALISIO_LOGGING_EXTRA_LOGGERS` names."""

_PREFIX = "ALISIO_LOGGING_"
_SECTIONS = ("formatters", "filters", "handlers", "loggers")
_DEFAULT: dict[str, Any] = {
    "version": 1,
    "formatters": {
        "standard": {
            "()": "alisio.logging.formatters.ConsoleFormatter",
            "format": "",
            "flow_run_fmt": "",
            "task_run_fmt": "",
            "datefmt": "%H:%M:%S",
        },
        "json": {"()": "alisio.logging.formatters.JsonFormatter", "fmt": "default"},
    },
    "handlers": {
        "console": {"class": "alisio.logging.handlers.ConsoleHandler", "level": 0, "formatter": "standard"},
        "api": {"class": "alisio.logging.handlers.APILogHandler", "level": 0},
    },
    "loggers": {
        "alisio": {"level": "${ALISIO_LOGGING_LEVEL}", "handlers": ["console", "api"], "propagate": False},
        "alisio.extra": {"level": "${ALISIO_LOGGING_LEVEL}", "handlers": ["console", "api"]},
        "alisio.flow_runs": {"level": "NOTSET"},
        "alisio.task_runs": {"level": "NOTSET"},
    },
}
"""What holds where there is no file: the same as `alisio.logging.configuration` does without this module."""


def places_of(
    path: Path | None,
    overrides: Mapping[str, str],
    settings: Settings,
    *,
    console: bool,
    relay: Callable[[], logging.Handler] | None = None,
) -> list[Place]:
    """Read a file, and make what it describes.

    Args:
        path: The file; None: what holds where there is none.
        overrides: Values by the names of variables.
        settings: Those that hold.
        console: Whether lines are shown; otherwise handlers that write to stdout or stderr are left out.
        relay: Makes what takes the place of each handler; those of the file are not made then.

    Raises:
        SettingsError: Something of it cannot be used.
    """
    where = "the logging's settings" if path is None else str(path)
    try:
        config = _filled(_document(path), {name: each.value or "" for name, each in read_values().items()})
        _check(config)
        _override(config, overrides)
        if relay is not None:
            config["handlers"], config["formatters"] = {name: {"()": relay} for name in config["handlers"]}, {}
        return _made(config, settings, console)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, OSError) as error:
        cause = error.__cause__ or error
        text = f"{cause.args[0]!r} is not there" if isinstance(cause, KeyError) else cause
        message = f"{where}: {error}: {text}" if error.__cause__ else f"{where}: {text}"
        raise SettingsError(message) from error


def _document(path: Path | None) -> Any:
    if path is None:
        return _DEFAULT
    import yaml

    try:
        return yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise SettingsError(f"it is not valid YAML: {' '.join(str(error).split())}") from error


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """Put the settings in the places where the document names them, `${ALISIO_LOGGING_LEVEL}`; copies it."""
    if isinstance(value, dict):
        return {key: _filled(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if not isinstance(value, str) or "$" not in value:
        return value
    try:
        return string.Template(value).substitute(values)
    except KeyError as error:
        raise SettingsError(f"there is no setting {error.args[0]}, which {value!r} names") from error
    except ValueError as error:
        raise SettingsError(f"{value!r} has a $ that names no setting: write $$") from error


def _check(config: Any) -> None:
    if not isinstance(config, dict) or config.get("version") != 1:
        raise SettingsError("it must begin with `version: 1`")
    for section in _SECTIONS:
        entries = config.setdefault(section, {})
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            raise SettingsError(f"{section} must be names with entries below them")
    if not isinstance(config.get("root", {}), dict):
        raise SettingsError("root must have entries below it")


def _override(config: dict[str, Any], overrides: Mapping[str, str]) -> None:
    known = {_variable_of(keys): (entry, keys[-1]) for keys, entry in _entries(config, ())}
    for name, value in overrides.items():
        if name not in known:
            raise SettingsError(f"{name} names no entry of it; those there are: {', '.join(sorted(known))}")
        entry, key = known[name]
        entry[key] = _like(entry[key], value, name)


def _like(present: Any, text: str, name: str) -> Any:
    """Read a variable as what it takes the place of."""
    if isinstance(present, list):
        return [each.strip() for each in text.split(",") if each.strip()]
    if isinstance(present, bool):
        return text.lower() in ("true", "1")
    if isinstance(present, int) and not name.endswith("_LEVEL"):
        if not text.lstrip("-").isdecimal():
            raise SettingsError(f"{name} must be a number, not {text!r}")
        return int(text)
    return text


def _entries(entry: dict[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for key, value in entry.items():
        keys = (*above, str(key))
        if isinstance(value, dict):
            yield from _entries(value, keys)
        elif above:
            yield keys, entry


def _variable_of(keys: tuple[str, ...]) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "_", _PREFIX + "_".join(keys)).upper()


def _made(config: dict[str, Any], settings: Settings, console: bool) -> list[Place]:
    maker = _Maker(config)
    maker.make()
    shown = {name for name, handler in maker.handlers.items() if _is_shown(handler)}

    def handlers_of(spec: Mapping[str, Any]) -> list[logging.Handler]:
        names = spec.get("handlers", ())
        return [maker.handlers[name] for name in names if console or name not in shown]

    def place_of(name: str, spec: Mapping[str, Any]) -> Place:
        level, propagate = spec.get("level"), spec.get("propagate")
        filters = [maker.filters[each] for each in spec.get("filters", ())]
        return Place(name, handlers_of(spec), _level_of(level), propagate, filters)

    places = [place_of(name, spec) for name, spec in config["loggers"].items()]
    root = logging.getLogger()
    # A program that has set up logging itself knows what goes to its root.
    if "root" in config and not root.handlers:
        places.append(place_of("", config["root"]))
    if places:  # those that hand lines on to another one first
        places[-1].made = sorted(maker.handlers.values(), key=lambda handler: not hasattr(handler, "target"))
    return places + extra_places(settings, handlers_of(config["loggers"].get(EXTRA, {})))


def _level_of(level: Any) -> int | str | None:
    if level is None:
        return None
    known = logging.getLevelName(str(level).upper())
    if isinstance(known, int):
        return known
    if not str(level).isdecimal():
        raise SettingsError(f"{level!r} is no level")
    return int(level)


def _is_shown(handler: logging.Handler) -> bool:
    return isinstance(handler, ConsoleHandler) or (
        isinstance(handler, logging.StreamHandler)
        and handler.stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    )


class _Maker(logging.config.DictConfigurator):
    """Makes the parts that a document describes, and leaves all else in the process as it is."""

    def make(self) -> None:
        for entry in self.config["handlers"].values():
            if isinstance(entry.get("level"), str):
                entry["level"] = _level_of(entry["level"])
        self.formatters = self._each("formatters", self.configure_formatter)
        self.config["formatters"] = self.formatters
        self.filters = self._each("filters", self.configure_filter)
        self.config["filters"] = self.filters
        self.handlers: dict[str, logging.Handler] = {}
        waiting = dict(self.config["handlers"])
        while waiting:  # one that another one names as its target comes after that
            before = len(waiting)
            for name in sorted(waiting):
                try:
                    self.handlers[name] = self.config["handlers"][name] = self._handler(name)
                    del waiting[name]
                except ValueError as error:
                    if "target not configured yet" not in str(error.__cause__):
                        raise SettingsError(f"handler {name!r}: {error.__cause__ or error}") from error
            if len(waiting) == before:
                raise SettingsError(f"handlers name one another as targets: {', '.join(waiting)}")

    def _handler(self, name: str) -> logging.Handler:
        handler: logging.Handler = self.configure_handler(self.config["handlers"][name])
        handler.name = name
        return handler

    def _each(self, section: str, make: Any) -> dict[str, Any]:
        made = {}
        for name in self.config[section]:
            try:
                made[name] = make(self.config[section][name])
            except (ValueError, TypeError, AttributeError) as error:
                raise SettingsError(f"{section} {name!r}: {error.__cause__ or error}") from error
        return made
