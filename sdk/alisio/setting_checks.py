"""What the values of settings may be. Standard library only."""

from __future__ import annotations

from alisio.deployments.durations import parse_duration
from alisio.results.options import SERIALIZERS

_SWITCH = ("true", "false", "1", "0")
_CHOICES = {
    "ALISIO_WAKE_UPS": ("http", "sqs"),
    "ALISIO_RESULTS_PERSIST_BY_DEFAULT": _SWITCH,
    "ALISIO_RESULTS_DEFAULT_SERIALIZER": SERIALIZERS,
    "ALISIO_TASKS_REFRESH_CACHE": _SWITCH,
    "ALISIO_LOGGING_LOG_PRINTS": _SWITCH,
    "ALISIO_LOGGING_TO_API_ENABLED": _SWITCH,
}
_MAX_SQS_PREFIX = 43  # with a hyphen and an id of 36 it makes the 80 characters that SQS takes
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_RETENTIONS = "ALISIO_RETENTION_"
_FOREVER = "forever"
_SHORTEST_SECONDS, _LONGEST_SECONDS = 60.0, 100 * 365 * 86_400.0


def fault_of(name: str, value: str) -> str | None:
    """Tell what is wrong with the value of a setting.

    Args:
        name: The setting, one that there is.
        value: Its value as text.

    Returns:
        What it must be, to be read after "must"; None where it can be used.
    """
    if name == "ALISIO_SERVER_API_PORT" and not (value.isdecimal() and 0 <= int(value) <= 65_535):
        return f"be a number from 0 to 65535, not {value!r}"
    if name == "ALISIO_API_DATABASE_POOL_SIZE" and not (value.isdecimal() and 2 <= int(value) <= 100):
        return f"be a number from 2 to 100, not {value!r}"
    if name in _CHOICES and value not in _CHOICES[name]:
        return f"be {' or '.join(_CHOICES[name])}, not {value!r}"
    if name == "ALISIO_SQS_PREFIX" and not _is_sqs_prefix(value):
        return f"be at most {_MAX_SQS_PREFIX} letters a to z, digits, hyphens and underscores, not {value!r}"
    if name == "ALISIO_LOGGING_LEVEL" and value.upper() not in _LEVELS:
        return f"be one of {', '.join(_LEVELS)}, not {value!r}"
    if name == "ALISIO_API_URL" and value and not _is_web_address(value):
        return f"be an address such as http://127.0.0.1:4200/api, not {value!r}"
    if name == "ALISIO_API_KEY" and value and not (value.isascii() and value.isprintable() and " " not in value):
        return "be a key as `alisio api-key create` shows it: alisio_ and two more parts"
    if name == "ALISIO_API_DATABASE_CONNECTION_URL" and not value.startswith(("sqlite", "postgres")):
        return f"begin with sqlite:/// or postgresql://, not {value.partition(':')[0]!r}"
    if name.startswith(_RETENTIONS) and value:
        return _fault_of_retention(value)
    return None


def read_switch(text: str) -> bool:
    """Read whether something is on, from a text that was found to be fit."""
    return text in ("true", "1")


def read_retention(text: str) -> float | None:
    """Read how long something is kept.

    Args:
        text: A duration such as `30d`, or `forever`.

    Returns:
        Seconds; None: forever.

    Raises:
        ValueError: It is neither.
    """
    return None if text.strip().lower() == _FOREVER else parse_duration(text)


def _fault_of_retention(value: str) -> str | None:
    try:
        seconds = read_retention(value)
    except ValueError:
        return f"be a duration such as 30d or 12h, or {_FOREVER}, not {value!r}"
    if seconds is not None and not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
        return f"lie between 1m and 100 years, or be {_FOREVER}, not {value!r}"
    return None


def _is_sqs_prefix(text: str) -> bool:
    plain = text.replace("-", "").replace("_", "")
    return plain.isascii() and plain.isalnum() and len(text) <= _MAX_SQS_PREFIX


def _is_web_address(text: str) -> bool:
    from urllib.parse import urlsplit

    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        return False
