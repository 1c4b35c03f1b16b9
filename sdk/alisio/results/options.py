"""What a flow or a task says about its results, and what holds for a run of it. It loads with the decorators."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from string import Formatter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypedDict

from alisio.results.cache_options import (
    CACHE_OPTIONS,
    CacheKeyFn,
    CacheKeywords,
    fault_of_cache_option,
    is_no_cache,
)

if TYPE_CHECKING:
    from alisio.cache_policies import CachePolicy
    from alisio.results.serializers import Serializer
    from alisio.results.storage import ResultStorage
    from alisio.settings import Settings

StorageOption: TypeAlias = "str | os.PathLike[str] | ResultStorage"
SerializerOption: TypeAlias = "str | Serializer"

SERIALIZERS = ("pickle", "json", "compressed/pickle", "compressed/json")
KEY_FIELDS = ("flow_run", "parameters", "task_run")
BLOCK_SCHEME = "block://"
_BLOCKS_OF_FILES = frozenset(
    {
        "local-file-system",
        "remote-file-system",
        # Those of Prefect's other packages: taken for folders, results would quietly lie on this machine.
        "azure-blob-storage-container",
        "gcs-bucket",
        "s3-bucket",
        "smb",
    }
)
"""The slugs that name blocks in any case; those of blocks of one's own do where their class was imported."""
_STORAGE_METHODS = ("exists", "read", "write")
_BLOCK_METHODS = ("read_path", "write_path")
_SERIALIZER_METHODS = ("dumps", "loads")
_A_STORAGE = (
    "a folder, an address such as s3://bucket/results, TYPE/NAME of a block, or an object with read, write and exists"
)


class ResultKeywords(TypedDict, total=False):
    """The options of `@flow` about results.

    Attributes:
        persist_result: Whether to store what it returns; by default as the run around it does, or, where that says
            nothing, if another of these options is given, and else as `ALISIO_RESULTS_PERSIST_BY_DEFAULT` says.
        result_storage: Where: a folder, an address such as `s3://bucket/results`, a saved block such as
            `local-file-system/results` (see `absolute_place`), or an object with the methods of `ResultStorage`; by
            default as the run around it, else in `ALISIO_LOCAL_STORAGE_PATH`.
        result_serializer: How: `"pickle"`, `"json"`, `"compressed/pickle"`, `"compressed/json"`, or an object with
            the methods of `Serializer`; by default as the run around it, else `"pickle"`.
        cache_result_in_memory: Whether a stored result is kept in memory too; otherwise it is read when needed.
    """

    persist_result: bool | None
    result_storage: StorageOption | None
    result_serializer: SerializerOption | None
    cache_result_in_memory: bool | None


class TaskResultKeywords(ResultKeywords, CacheKeywords, total=False):
    """The options of `@task` about results; those about caching are in `CacheKeywords`.

    Attributes:
        result_storage_key: What the result is stored as: a template over `{parameters[name]}` and the attributes of
            `{flow_run.…}` and `{task_run.…}` in `alisio.runtime`. A result that is there already is taken, and the
            task is not run. It goes before `cache_key_fn` and `cache_policy`.
    """

    result_storage_key: str | None


_FLOW_OPTIONS = frozenset(ResultKeywords.__annotations__)
_TASK_OPTIONS = frozenset(TaskResultKeywords.__annotations__)


class ResultOptions(NamedTuple):
    """These options as they were given; None: nothing was said."""

    persist_result: bool | None = None
    result_storage: str | ResultStorage | None = None
    result_serializer: SerializerOption | None = None
    cache_result_in_memory: bool | None = None
    result_storage_key: str | None = None
    cache_policy: CachePolicy | None = None
    cache_key_fn: CacheKeyFn | None = None
    cache_expiration: timedelta | None = None
    refresh_cache: bool | None = None

    @property
    def persists(self) -> bool | None:
        """Whether results are to be stored, as far as the options say."""
        if self.persist_result is not None:
            return self.persist_result
        policy = None if is_no_cache(self.cache_policy) else self.cache_policy
        given = (self.result_storage, self.result_serializer, self.result_storage_key, policy, self.cache_key_fn)
        return None if all(option is None for option in given) else True


NO_OPTIONS = ResultOptions()


def checked_options(kind: str, name: str, keywords: Mapping[str, Any]) -> ResultOptions:
    """Read the options of a flow or a task.

    Args:
        kind: `flow` or `task`.
        name: Its name, for the error.
        keywords: What was given; None: nothing.

    Returns:
        The options; a relative folder is taken from where this process works now, and a block is not loaded yet.

    Raises:
        TypeError: There is no such option.
        ValueError: An option cannot be used.
    """
    given = {keyword: value for keyword, value in keywords.items() if value is not None}
    known = _TASK_OPTIONS if kind == "task" else _FLOW_OPTIONS
    for keyword, value in given.items():
        if keyword not in known:
            raise TypeError(f"@{kind} has no option {keyword!r}")
        if (fault := _fault_of(keyword, value)) is not None:
            raise ValueError(f"{kind} {name!r}: {keyword} must be {fault}, not {value!r}")
    storage = given.get("result_storage")
    if isinstance(storage, str | os.PathLike):
        given["result_storage"] = absolute_place(storage)
    return ResultOptions(**given) if given else NO_OPTIONS


def absolute_place(place: str | os.PathLike[str]) -> str:
    """Give the absolute path of a folder, or the address of a block; any other address stays as it is.

    A text of two parts, `TYPE/NAME`, is a block where the first is the slug of a type of blocks that hold files: one of
    `_BLOCKS_OF_FILES`, or one whose class was imported before. All else is a folder, and so is `./TYPE/NAME`.
    """
    text = os.fspath(place)
    if "://" in text:
        return text
    if isinstance(place, str) and names_block(text):
        return BLOCK_SCHEME + text
    return os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111


def names_block(text: str) -> bool:
    """Tell whether a text names a block that holds files, by the slug of its type and its own name."""
    slug, _, name = text.partition("/")
    return bool(name) and "/" not in name and (slug in _BLOCKS_OF_FILES or _is_imported(slug))


def _is_imported(slug: str) -> bool:
    # Looked for only where blocks are in use already: they are much to import.
    core = sys.modules.get("alisio.blocks.core")
    return core is not None and core.holds_files(slug)


class ResultRules(NamedTuple):
    """What holds for the results of one run, and for the runs within it that say nothing else.

    Attributes:
        persist: Whether they are stored.
        storage: Where: a folder's path, an address (`block://TYPE/NAME` is a block's), or a store.
        serializer: How: one of `SERIALIZERS`, or an object.
        refresh: Whether tasks that say nothing else are run though their results are in a cache.
    """

    persist: bool
    storage: str | ResultStorage
    serializer: SerializerOption
    refresh: bool = False


def rules_within(options: ResultOptions, around: ResultRules | None) -> ResultRules | None:
    """Tell what holds for the results of a run.

    Args:
        options: Those of its flow or task.
        around: What holds for the run around it; None: there is none.

    Returns:
        The rules. None for a task that is called outside of flows and asks for nothing: as no state tells of its
        result, `ALISIO_RESULTS_PERSIST_BY_DEFAULT` is not for it.
    """
    if options is NO_OPTIONS:
        return around
    persists = options.persists
    if around is None:
        if not persists:
            return None
        from alisio.settings import current_settings

        around = default_rules(current_settings())
    return ResultRules(
        around.persist if persists is None else persists,
        options.result_storage or around.storage,
        options.result_serializer or around.serializer,
        around.refresh,
    )


def default_rules(settings: Settings) -> ResultRules:
    """Give what holds where no flow is around."""
    storage = settings.results_default_storage
    return ResultRules(
        settings.results_persist_by_default,
        str(settings.local_storage_path) if storage is None else absolute_place(storage),
        settings.results_default_serializer,
        settings.tasks_refresh_cache,
    )


def _fault_of(keyword: str, value: Any) -> str | None:
    """Tell what the value of an option must be; None where it can be used."""
    if keyword in CACHE_OPTIONS:
        return fault_of_cache_option(keyword, value)
    if keyword == "result_storage":
        return fault_of_storage(value)
    if keyword == "result_serializer":
        if value in SERIALIZERS if isinstance(value, str) else _has(value, _SERIALIZER_METHODS):
            return None
        return f"one of {', '.join(SERIALIZERS)}, or an object with dumps and loads"
    if keyword == "result_storage_key":
        return _fault_of_key(value)
    return None if isinstance(value, bool) else "True or False"


def fault_of_storage(value: Any) -> str | None:
    """Tell what a store must be; None where it can be used."""
    if isinstance(value, str | os.PathLike):
        scheme, mark, rest = os.fspath(value).partition("://")
        return None if (scheme and rest if mark else scheme) else _A_STORAGE
    return None if _has(value, _STORAGE_METHODS) or _has(value, _BLOCK_METHODS) else _A_STORAGE


def _fault_of_key(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return "a text"
    try:
        fields = [field for _, field, _, _ in Formatter().parse(value) if field is not None]
    except ValueError as error:
        return f"a template ({error})"
    if all(field.replace("[", ".").partition(".")[0] in KEY_FIELDS for field in fields):
        return None
    return f"a template over {', '.join(KEY_FIELDS)}"


def _has(value: Any, methods: tuple[str, ...]) -> bool:
    return not isinstance(value, type) and all(callable(getattr(value, method, None)) for method in methods)
