"""The kinds of artifacts as classes: what each is given, and what is stored of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from alisio.artifacts import storing
from alisio.engine.either import awaited, blocking, either
from alisio.utilities.plain import to_plain

if TYPE_CHECKING:
    from alisio.contract.artifacts import ArtifactRecord


class Artifact:
    """Something that a run shows to people.

    `create`, `get` and `get_or_create` block in synchronous code, and must be awaited in asynchronous code; `acreate`,
    `aget` and `aget_or_create` must be awaited everywhere.

    Args:
        type: A word for what kind of thing it is; the kinds that are known set it themselves.
        key: Small letters a to z, digits and dashes: artifacts of one key are versions of one thing. None: it is seen
            with its run only.
        description: Markdown.
        data: Anything that JSON can say, of 20 MB at most; from 500,000 bytes on they are uploaded when it is made.
    """

    kind: ClassVar[str | None] = None

    def __init__(
        self, type: str | None = None, key: str | None = None, description: str | None = None, data: Any = None
    ) -> None:
        self.type = self.kind or type or "custom"
        self.key = key
        self.description = description
        self.data = data

    def format(self) -> Any:
        """Give what is stored as the artifact's data."""
        return self.data

    def create(self) -> Any:
        """Make it: in a run at no cost, as its reports carry it, unless its data are large.

        Returns:
            It as it is stored, an `ArtifactRecord`.

        Raises:
            ValueError: Something in it cannot be used.
            ApiUnreachableError: No server answered that had to: outside of runs, or as its data are large.
        """
        return either(blocking(self.create_here))

    async def acreate(self) -> ArtifactRecord:
        """Make it; see `create`."""
        record: ArtifactRecord = await awaited(blocking(self.create_here))
        return record

    @classmethod
    def get(cls, key: str) -> Any:
        """Read the latest version of a key.

        Returns:
            It, an `ArtifactRecord`; None where there is none.
        """
        return either(blocking(lambda: storing.read_latest(key)))

    @classmethod
    async def aget(cls, key: str) -> ArtifactRecord | None:
        """Read the latest version of a key; see `get`."""
        record: ArtifactRecord | None = await awaited(blocking(lambda: storing.read_latest(key)))
        return record

    @classmethod
    def get_or_create(cls, key: str, description: str | None = None, data: Any = None, **more: Any) -> Any:
        """Read the latest version of a key, or make one where there is none.

        Args:
            key: The key.
            description: Of the one that is made.
            data: Likewise.
            more: What else its class takes.

        Returns:
            It, an `ArtifactRecord`, and whether it was made.
        """
        return either(blocking(lambda: cls._get_or_create(key, description, data, more)))

    @classmethod
    async def aget_or_create(
        cls, key: str, description: str | None = None, data: Any = None, **more: Any
    ) -> tuple[ArtifactRecord, bool]:
        """Read the latest version of a key, or make one; see `get_or_create`."""
        core = blocking(lambda: cls._get_or_create(key, description, data, more))
        return await awaited(core)

    @classmethod
    def _get_or_create(
        cls, key: str, description: str | None, data: Any, more: dict[str, Any]
    ) -> tuple[ArtifactRecord, bool]:
        found = storing.read_latest(key)
        if found is not None:
            return found, False
        given = more if data is None else {**more, "data": data}
        return cls(key=key, description=description, **given).create_here(), True

    def create_here(self) -> ArtifactRecord:
        """Make it, and wait for that, whatever code this is called from."""
        return storing.create(self.type, self.format(), self.key, self.description)


class MarkdownArtifact(Artifact):
    """A text in Markdown."""

    kind = "markdown"

    def __init__(self, markdown: str, key: str | None = None, description: str | None = None) -> None:
        super().__init__(key=key, description=description, data=_text("markdown", markdown))


class LinkArtifact(Artifact):
    """A link, stored as Markdown.

    Args:
        link: The address.
        link_text: What is shown in its place.
    """

    kind = "link"

    def __init__(
        self, link: str, link_text: str | None = None, key: str | None = None, description: str | None = None
    ) -> None:
        shown = link if link_text is None else link_text
        data = f"[{_text('link_text', shown)}]({_text('link', link)})"
        super().__init__(key=key, description=description, data=data)


class ImageArtifact(Artifact):
    """An image that lies at an address where those who look can get it."""

    kind = "image"

    def __init__(self, image_url: str, key: str | None = None, description: str | None = None) -> None:
        super().__init__(key=key, description=description, data=_text("image_url", image_url))


class ProgressArtifact(Artifact):
    """How far something is, in percent."""

    kind = "progress"

    def __init__(self, progress: float, key: str | None = None, description: str | None = None) -> None:
        super().__init__(key=key, description=description, data=checked_progress(progress))


class TableArtifact(Artifact):
    """A table: a list of mappings, a list of lists, or a mapping of column names to lists.

    Cells that JSON has no word for become None (NaN), ISO 8601 (dates) or text.
    """

    kind = "table"

    def __init__(self, table: Any, key: str | None = None, description: str | None = None) -> None:
        super().__init__(key=key, description=description, data=_checked_table(table))


def checked_progress(progress: float) -> float:
    """Give progress as a number.

    Raises:
        ValueError: It is none from 0 to 100.
    """
    if isinstance(progress, bool) or not isinstance(progress, int | float) or not 0 <= progress <= 100:
        raise ValueError(f"progress must be a number from 0 to 100, not {progress!r}")
    return float(progress)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text, not {type(value).__name__}")
    return value.encode("utf-8", "replace").decode()


def _checked_table(table: Any) -> Any:
    columns = isinstance(table, Mapping) and all(isinstance(column, list | tuple) for column in table.values())
    rows = isinstance(table, list | tuple) and all(isinstance(row, Mapping | list | tuple) for row in table)
    if not (columns or rows):
        raise ValueError("table must be a list of mappings, a list of lists, or a mapping of names to lists")
    try:
        return to_plain(table)
    except ValueError as error:
        raise ValueError(f"table: {error}") from None
