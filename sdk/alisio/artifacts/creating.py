"""Making artifacts in one call each.

Inside a run they travel in its reports: nothing waits, and what is returned is the id that the artifact has from the
beginning. Outside of runs they go to the server at once, and so do data of more than 500,000 bytes. The functions whose
names begin with `a` do that without holding up the event loop; the id that the others return may be awaited too, which
changes nothing.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from uuid import UUID

from alisio.artifacts import storing
from alisio.artifacts.kinds import (
    Artifact,
    ImageArtifact,
    LinkArtifact,
    MarkdownArtifact,
    ProgressArtifact,
    TableArtifact,
    checked_progress,
)
from alisio.engine.either import awaited, blocking


class ArtifactId(UUID):
    """The id of an artifact. Awaiting it gives itself, so code that awaits what made it works as well."""

    def __await__(self) -> Generator[Any, None, UUID]:
        """Give the id, without waiting."""
        return self._itself().__await__()

    async def _itself(self) -> UUID:
        return self


def _create(artifact: Artifact) -> ArtifactId:
    return ArtifactId(int=artifact.create_here().id.int)


async def _acreate(artifact: Artifact) -> UUID:
    artifact_id: UUID = await awaited(blocking(lambda: _create(artifact)))
    return artifact_id


def create_markdown_artifact(markdown: str, key: str | None = None, description: str | None = None) -> ArtifactId:
    """Make a text in Markdown.

    Args:
        markdown: The text, of 20 MB at most.
        key: Small letters a to z, digits and dashes; artifacts of one key are versions of one thing.
        description: Markdown.

    Returns:
        The artifact's id.

    Raises:
        ValueError: Something cannot be used.
        ApiUnreachableError: It was made outside of runs, or is large, and no server answered.
    """
    return _create(MarkdownArtifact(markdown, key, description))


async def acreate_markdown_artifact(markdown: str, key: str | None = None, description: str | None = None) -> UUID:
    """Make a text in Markdown; see `create_markdown_artifact`."""
    return await _acreate(MarkdownArtifact(markdown, key, description))


def create_table_artifact(table: Any, key: str | None = None, description: str | None = None) -> ArtifactId:
    """Make a table.

    Args:
        table: A list of mappings, a list of lists, or a mapping of column names to lists.
        key: As for `create_markdown_artifact`.
        description: Markdown.

    Returns:
        The artifact's id.

    Raises:
        ValueError: It is no table, or something else cannot be used.
        ApiUnreachableError: It was made outside of runs, or is large, and no server answered.
    """
    return _create(TableArtifact(table, key, description))


async def acreate_table_artifact(table: Any, key: str | None = None, description: str | None = None) -> UUID:
    """Make a table; see `create_table_artifact`."""
    return await _acreate(TableArtifact(table, key, description))


def create_link_artifact(
    link: str, link_text: str | None = None, key: str | None = None, description: str | None = None
) -> ArtifactId:
    """Make a link.

    Args:
        link: The address.
        link_text: What is shown in its place.
        key: As for `create_markdown_artifact`.
        description: Markdown.

    Returns:
        The artifact's id.

    Raises:
        ValueError: Something cannot be used.
        ApiUnreachableError: It was made outside of runs, or is large, and no server answered.
    """
    return _create(LinkArtifact(link, link_text, key, description))


async def acreate_link_artifact(
    link: str, link_text: str | None = None, key: str | None = None, description: str | None = None
) -> UUID:
    """Make a link; see `create_link_artifact`."""
    return await _acreate(LinkArtifact(link, link_text, key, description))


def create_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> ArtifactId:
    """Show an image.

    Args:
        image_url: Where it lies; those who look at the artifact must be able to get it there.
        key: As for `create_markdown_artifact`.
        description: Markdown.

    Returns:
        The artifact's id.

    Raises:
        ValueError: Something cannot be used.
        ApiUnreachableError: It was made outside of runs, or is large, and no server answered.
    """
    return _create(ImageArtifact(image_url, key, description))


async def acreate_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> UUID:
    """Show an image; see `create_image_artifact`."""
    return await _acreate(ImageArtifact(image_url, key, description))


def create_progress_artifact(progress: float, key: str | None = None, description: str | None = None) -> ArtifactId:
    """Show how far something is.

    Args:
        progress: Percent, from 0 to 100.
        key: As for `create_markdown_artifact`.
        description: Markdown.

    Returns:
        The artifact's id, for `update_progress_artifact`.

    Raises:
        ValueError: The number is not one of these, or something else cannot be used.
        ApiUnreachableError: It was made outside of runs, or is large, and no server answered.
    """
    return _create(ProgressArtifact(progress, key, description))


async def acreate_progress_artifact(progress: float, key: str | None = None, description: str | None = None) -> UUID:
    """Show how far something is; see `create_progress_artifact`."""
    return await _acreate(ProgressArtifact(progress, key, description))


def update_progress_artifact(artifact_id: UUID, progress: float, description: str | None = None) -> ArtifactId:
    """Show anew how far something is, in place: no version is made. Of quick updates in a run the last one is sent.

    Args:
        artifact_id: The artifact.
        progress: Percent, from 0 to 100.
        description: In place of the one that it has; None: that stays.

    Returns:
        The artifact's id.

    Raises:
        ValueError: The number is not one of these.
        NotFoundError: There is no such artifact.
        ApiUnreachableError: The artifact is none of this run's, and no server answered.
    """
    described = {} if description is None else {"description": description}
    storing.update(artifact_id, {"data": checked_progress(progress), **described})
    return ArtifactId(int=artifact_id.int)


async def aupdate_progress_artifact(artifact_id: UUID, progress: float, description: str | None = None) -> UUID:
    """Show anew how far something is; see `update_progress_artifact`."""
    updated: UUID = await awaited(blocking(lambda: update_progress_artifact(artifact_id, progress, description)))
    return updated
