"""Settings that hold for a while: `with temporary_settings(...)`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from alisio.exceptions import SettingsError
from alisio.setting_list import SETTINGS, Setting
from alisio.settings import Settings, check_value, current_settings, home_of, read_values

__all__ = ["temporary_settings"]


@contextmanager
def temporary_settings(
    updates: Mapping[Setting | str, Any] | None = None,
    set_defaults: Mapping[Setting | str, Any] | None = None,
    restore_defaults: Iterable[Setting | str] | None = None,
) -> Iterator[Settings]:
    """Change settings while a block runs.

    They hold for the whole process, its threads and the processes that it starts: they are environment variables.

    Args:
        updates: Values by the setting (`ALISIO_API_URL` of `alisio.settings`) or its name; None: its default.
        set_defaults: Values for those of which nothing else is said, by the environment or the profile.
        restore_defaults: Those to take back to their defaults, whatever the environment and the profile say.

    Yields:
        The settings that hold within the block.

    Raises:
        SettingsError: There is no such setting, or a value cannot be used.
    """
    variables = _variables(updates or {}, set_defaults or {}, restore_defaults or ())
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield current_settings()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _variables(
    updates: Mapping[Setting | str, Any],
    set_defaults: Mapping[Setting | str, Any],
    restore_defaults: Iterable[Setting | str],
) -> dict[str, str]:
    wanted: dict[str, Any] = {_name_of(setting): None for setting in restore_defaults}
    present = read_values() if set_defaults else {}
    home = str(home_of(os.environ))
    for setting, value in set_defaults.items():
        name = _name_of(setting)
        if name in wanted or (present[name].value or "") == _text_of(name, None, home):
            wanted[name] = value
    wanted |= {_name_of(setting): value for setting, value in updates.items()}
    if "ALISIO_HOME" in wanted:  # defaults that lie in it lie in the new one
        home = str(home_of({"ALISIO_HOME": _text_of("ALISIO_HOME", wanted["ALISIO_HOME"], home)}))
    variables = {name: _text_of(name, value, home) for name, value in wanted.items()}
    for name, text in variables.items():
        check_value(name, text)
    return variables


def _name_of(setting: Setting | str) -> str:
    name = setting.name if isinstance(setting, Setting) else setting
    if name not in SETTINGS:
        raise SettingsError(f"there is no setting {name}; `alisio config view` lists them")
    return name


def _text_of(name: str, value: Any, home: str) -> str:
    if value is None:
        return (SETTINGS[name].default or "").replace("<home>", home)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(map(str, value))
    return str(value)
