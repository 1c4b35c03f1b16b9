"""Settings by the parts of their names, as `settings.api.url` for `api_url`. It is loaded when it is first used."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from alisio.settings import Settings, current_settings


class SettingsGroup:
    """The settings whose names begin alike.

    Args:
        settings: All of them.
        start: How the names begin.
    """

    def __init__(self, settings: Settings, start: str = "") -> None:
        self._settings = settings
        self._start = start

    def __getattr__(self, name: str) -> Any:
        """Give the setting of that name, or else the group of those whose names go on so.

        Raises:
            AttributeError: There is none of either.
        """
        if name.startswith("_"):  # what copies it, or shows it, asks for such
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        whole = self._start + name
        names = {field.name for field in fields(Settings)}
        if whole in names:
            return getattr(self._settings, whole)
        if any(each.startswith(f"{whole}_") for each in names):
            return SettingsGroup(self._settings, f"{whole}_")
        raise AttributeError(f"there is no setting {whole!r}: see `alisio config view`")


def get_current_settings() -> SettingsGroup:
    """Read the settings that hold now, by the parts of their names: `get_current_settings().api.url`.

    Raises:
        SettingsError: A value cannot be used, or the file of profiles cannot be read.
    """
    return SettingsGroup(current_settings())
