"""Settings: `ALISIO_*` variables, over the active profile, over defaults. Standard library only.

They are read when they are asked for, never at import. Profiles lie in `<home>/profiles.toml`:

    active = "default"

    [profiles.default]
    ALISIO_API_URL = "http://127.0.0.1:4200/api"
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alisio.exceptions import SettingsError
from alisio.setting_checks import fault_of, read_retention, read_switch
from alisio.setting_list import DEFAULT_HOME, SETTINGS, Setting

if TYPE_CHECKING:
    from alisio.setting_groups import get_current_settings as get_current_settings
    from alisio.setting_overrides import temporary_settings as temporary_settings

DEFAULT_PROFILE = "default"


@dataclass(frozen=True)
class Settings:
    """The settings that hold now. The fields are the variables' names in small letters, without `ALISIO_`.

    `retention_*` are seconds; None: forever.
    """

    home: Path
    profile: str
    api_url: str | None
    api_key: str | None = field(repr=False)
    server_api_host: str
    server_api_port: int
    api_database_connection_url: str
    api_database_pool_size: int
    retention_flow_runs: float | None
    retention_task_runs: float | None
    retention_logs: float | None
    retention_audit_log: float | None
    retention_events: float | None
    local_storage_path: Path
    results_persist_by_default: bool
    results_default_serializer: str
    results_default_storage: str | None
    tasks_refresh_cache: bool
    wake_ups: str
    sqs_prefix: str
    logging_level: str
    logging_extra_loggers: tuple[str, ...]
    logging_settings_path: Path
    logging_log_prints: bool
    logging_to_api_enabled: bool


@dataclass(frozen=True)
class SettingValue:
    """A setting's present value as text, and where it comes from: `env`, `profile` or `default`."""

    setting: Setting
    value: str | None
    source: str


def current_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings that hold now.

    Args:
        environment: Read in place of the process's own variables.

    Returns:
        The settings; `home` is absolute, and `api_url` has no slash at its end.

    Raises:
        SettingsError: A value cannot be used, or the file of profiles cannot be read.
    """
    text = {name: value.value for name, value in read_values(environment).items()}
    home = Path(_required(text, "ALISIO_HOME"))
    api_url = text["ALISIO_API_URL"]
    return Settings(
        home=home,
        profile=_required(text, "ALISIO_PROFILE"),
        api_url=api_url.rstrip("/") if api_url else None,
        api_key=text["ALISIO_API_KEY"] or None,
        server_api_host=_required(text, "ALISIO_SERVER_API_HOST"),
        server_api_port=int(_required(text, "ALISIO_SERVER_API_PORT")),
        api_database_connection_url=_required(text, "ALISIO_API_DATABASE_CONNECTION_URL"),
        api_database_pool_size=int(_required(text, "ALISIO_API_DATABASE_POOL_SIZE")),
        retention_flow_runs=read_retention(_required(text, "ALISIO_RETENTION_FLOW_RUNS")),
        retention_task_runs=read_retention(_required(text, "ALISIO_RETENTION_TASK_RUNS")),
        retention_logs=read_retention(_required(text, "ALISIO_RETENTION_LOGS")),
        retention_audit_log=read_retention(_required(text, "ALISIO_RETENTION_AUDIT_LOG")),
        retention_events=read_retention(_required(text, "ALISIO_RETENTION_EVENTS")),
        local_storage_path=Path(_required(text, "ALISIO_LOCAL_STORAGE_PATH")).expanduser().absolute(),
        results_persist_by_default=read_switch(_required(text, "ALISIO_RESULTS_PERSIST_BY_DEFAULT")),
        results_default_serializer=_required(text, "ALISIO_RESULTS_DEFAULT_SERIALIZER"),
        results_default_storage=text["ALISIO_RESULTS_DEFAULT_STORAGE"] or None,
        tasks_refresh_cache=read_switch(_required(text, "ALISIO_TASKS_REFRESH_CACHE")),
        wake_ups=_required(text, "ALISIO_WAKE_UPS"),
        sqs_prefix=_required(text, "ALISIO_SQS_PREFIX"),
        logging_level=_required(text, "ALISIO_LOGGING_LEVEL").upper(),
        logging_extra_loggers=tuple(
            name.strip() for name in (text["ALISIO_LOGGING_EXTRA_LOGGERS"] or "").split(",") if name.strip()
        ),
        logging_settings_path=Path(_required(text, "ALISIO_LOGGING_SETTINGS_PATH")).expanduser().absolute(),
        logging_log_prints=read_switch(_required(text, "ALISIO_LOGGING_LOG_PRINTS")),
        logging_to_api_enabled=read_switch(_required(text, "ALISIO_LOGGING_TO_API_ENABLED")),
    )


def read_values(environment: Mapping[str, str] | None = None) -> dict[str, SettingValue]:
    """Read every setting as text, with where it comes from.

    Args:
        environment: Read in place of the process's own variables.

    Returns:
        Setting values by the variable's name, in the order of `SETTINGS`.

    Raises:
        SettingsError: A value cannot be used, or the file of profiles cannot be read.
    """
    env = os.environ if environment is None else environment
    home = home_of(env)
    document = _read_profiles(home)
    profile, source = _active_profile(env, document, home)
    stored = document["profiles"].get(profile, {})
    values: dict[str, SettingValue] = {}
    for name, setting in SETTINGS.items():
        # Of a setting that may be nothing, an empty variable says so; of any other it says nothing.
        if env.get(name) or (name in env and not setting.default):
            values[name] = SettingValue(setting, env[name] or None, "env")
        elif name in stored and setting.in_profile:
            values[name] = SettingValue(setting, str(stored[name]), "profile")
        else:
            default = setting.default and setting.default.replace("<home>", str(home))
            values[name] = SettingValue(setting, default, "default")
    values["ALISIO_HOME"] = SettingValue(SETTINGS["ALISIO_HOME"], str(home), values["ALISIO_HOME"].source)
    values["ALISIO_PROFILE"] = SettingValue(SETTINGS["ALISIO_PROFILE"], profile, source)
    for name, value in values.items():
        if value.value is not None:
            check_value(name, value.value)
    return values


def check_value(name: str, value: str) -> None:
    """Refuse a value that its setting cannot have.

    Raises:
        SettingsError: There is no such setting, or the value cannot be used.
    """
    if name not in SETTINGS:
        raise SettingsError(f"there is no setting {name}; `alisio config view` lists them")
    fault = fault_of(name, value)
    if fault is not None:
        raise SettingsError(f"{name} must {fault}")


def set_profile_values(values: Mapping[str, str]) -> str:
    """Store settings in the active profile, all or none.

    Args:
        values: New values by the variable's name.

    Returns:
        The profile's name.

    Raises:
        SettingsError: A name or a value cannot be used, or the file cannot be written.
    """
    for name, value in values.items():
        check_value(name, value)
        if not SETTINGS[name].in_profile:
            raise SettingsError(f"{name} cannot be kept in a profile; set it as an environment variable")
    return _change_profile(lambda profile: profile.update(values))


def unset_profile_values(names: Iterable[str]) -> str:
    """Take settings out of the active profile; those that are not in it do no harm.

    Returns:
        The profile's name.

    Raises:
        SettingsError: There is no such setting, or the file cannot be written.
    """
    wanted = list(names)
    for name in wanted:
        if name not in SETTINGS:
            raise SettingsError(f"there is no setting {name}; `alisio config view` lists them")
    return _change_profile(lambda profile: [profile.pop(name, None) for name in wanted])


def __getattr__(name: str) -> Setting:
    """Give the setting of that name, such as `ALISIO_API_URL`; and what is loaded when it is first used."""
    if name == "temporary_settings":
        from alisio import setting_overrides

        return setting_overrides.temporary_settings  # type: ignore[return-value]  # what is typed is imported above
    if name == "get_current_settings":
        from alisio import setting_groups

        return setting_groups.get_current_settings  # type: ignore[return-value]  # as above
    if name not in SETTINGS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return SETTINGS[name]


def _required(text: Mapping[str, str | None], name: str) -> str:
    value = text[name]
    if not value:
        raise SettingsError(f"{name} must not be empty")
    return value


def home_of(env: Mapping[str, str]) -> Path:
    """Give the home that variables name, as an absolute path."""
    return Path(env.get("ALISIO_HOME") or DEFAULT_HOME).expanduser().absolute()


def _profiles_path(home: Path) -> Path:
    return home / "profiles.toml"


def _read_profiles(home: Path) -> dict[str, Any]:
    path = _profiles_path(home)
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {"profiles": {}}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    import tomllib

    try:
        document = tomllib.loads(content.decode())
    except ValueError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}; correct or remove it") from error
    profiles = document.setdefault("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(profile, dict) for profile in profiles.values()):
        raise SettingsError(f"{path}: each profile is a table, such as [profiles.default]; correct or remove it")
    return document


def _active_profile(env: Mapping[str, str], document: Mapping[str, Any], home: Path) -> tuple[str, str]:
    if env.get("ALISIO_PROFILE"):
        return env["ALISIO_PROFILE"], "env"
    active = document.get("active", DEFAULT_PROFILE)
    if not isinstance(active, str) or not active:
        raise SettingsError(f"{_profiles_path(home)}: `active` must be the name of a profile")
    return active, "profile" if "active" in document else "default"


def _change_profile(change: Callable[[dict[str, Any]], object]) -> str:
    home = home_of(os.environ)
    document = _read_profiles(home)
    name, _ = _active_profile(os.environ, document, home)
    change(document["profiles"].setdefault(name, {}))
    _write_profiles(home, document)
    return name


def _write_profiles(home: Path, document: Mapping[str, Any]) -> None:
    import tomli_w

    from alisio.utilities.files import write_whole

    path = _profiles_path(home)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, tomli_w.dumps(document), private=True)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
