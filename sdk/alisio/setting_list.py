"""What settings there are. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_HOME = "~/.alisio"


@dataclass(frozen=True)
class Setting:
    """One setting, for the reader of `alisio config view`.

    Attributes:
        name: The environment variable.
        type: What its text is read as.
        default: What holds where nothing is said, as text; None: nothing.
        doc: One line for people.
        in_profile: Whether a profile may hold it. Where the profiles lie, and which of them is active, cannot
            be said there.
    """

    name: str
    type: type[str] | type[int] | type[Path]
    default: str | None
    doc: str
    in_profile: bool = True

    @property
    def field(self) -> str:
        """The name of the field of `Settings` that holds it."""
        return self.name.removeprefix("ALISIO_").lower()

    def value(self) -> Any:
        """Give what holds now.

        Raises:
            SettingsError: A setting cannot be used.
        """
        from alisio.settings import current_settings

        return getattr(current_settings(), self.field)


SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("ALISIO_HOME", Path, DEFAULT_HOME, "The folder of the database, profiles and bundles.", False),
        Setting("ALISIO_PROFILE", str, None, "The profile to use in place of the active one.", False),
        Setting("ALISIO_API_URL", str, None, "The server's API, such as http://127.0.0.1:4200/api."),
        Setting("ALISIO_API_KEY", str, None, "The API key to show that server, where it wants one."),
        Setting("ALISIO_SERVER_API_HOST", str, "127.0.0.1", "What address `alisio server start` binds."),
        Setting("ALISIO_SERVER_API_PORT", int, "4200", "What port `alisio server start` binds."),
        Setting(
            "ALISIO_API_DATABASE_CONNECTION_URL",
            str,
            "sqlite:///<home>/alisio.db",
            "The database of the server: SQLite or PostgreSQL.",
        ),
        Setting("ALISIO_API_DATABASE_POOL_SIZE", int, "5", "How many connections to PostgreSQL each process keeps."),
        Setting("ALISIO_RETENTION_FLOW_RUNS", str, "365d", "How long ended flow runs are kept: 90d, 12h, or forever."),
        Setting("ALISIO_RETENTION_TASK_RUNS", str, "90d", "How long the task runs of ended flow runs are kept."),
        Setting("ALISIO_RETENTION_LOGS", str, "30d", "How long the log lines of ended flow runs are kept."),
        Setting("ALISIO_RETENTION_AUDIT_LOG", str, "365d", "How long the audit log is kept."),
        Setting("ALISIO_RETENTION_EVENTS", str, "30d", "How long the events that user code emits are kept."),
        Setting("ALISIO_LOCAL_STORAGE_PATH", Path, "<home>/storage", "The folder where results are stored."),
        Setting("ALISIO_RESULTS_PERSIST_BY_DEFAULT", str, "false", "Whether all results are stored: true or false."),
        Setting("ALISIO_RESULTS_DEFAULT_SERIALIZER", str, "pickle", "How results are written: pickle, json and so on."),
        Setting(
            "ALISIO_RESULTS_DEFAULT_STORAGE",
            str,
            None,
            "Where results are stored, if not in ALISIO_LOCAL_STORAGE_PATH: an address such as s3://bucket/results.",
        ),
        Setting("ALISIO_TASKS_REFRESH_CACHE", str, "false", "Whether tasks run though their results are cached."),
        Setting("ALISIO_WAKE_UPS", str, "http", "How agents hear of work: they ask the server (http), or Amazon SQS."),
        Setting("ALISIO_SQS_PREFIX", str, "alisio", "What the names of the server's SQS queues begin with."),
        Setting("ALISIO_LOGGING_LEVEL", str, "INFO", "The least level of log lines that are shown and kept."),
        Setting("ALISIO_LOGGING_EXTRA_LOGGERS", str, "", "More loggers whose lines runs keep: names with commas."),
        Setting("ALISIO_LOGGING_SETTINGS_PATH", Path, "<home>/logging.yml", "A file that says how lines are handled."),
        Setting("ALISIO_LOGGING_LOG_PRINTS", str, "false", "Whether what flows print is logged: true or false."),
        Setting("ALISIO_LOGGING_TO_API_ENABLED", str, "true", "Whether lines are kept with runs: true or false."),
    )
}
