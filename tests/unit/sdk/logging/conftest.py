"""Loggers that are set up anew for each test, one of somebody else, and a flow that logs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from alisio import flow
from alisio.logging import configuration


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test has set up goes when the next one sets up."""
    for name in [name for name in os.environ if name.startswith("ALISIO_LOGGING_")]:
        monkeypatch.delenv(name)
    yield
    configuration._done = 0


@pytest.fixture
def library() -> Iterator[logging.Logger]:
    """A logger of somebody else's, as it comes."""
    logger = logging.getLogger("some_library")
    yield logger
    for each in (logger, logger.getChild("part")):
        each.handlers.clear()
        each.setLevel(logging.NOTSET)


def say(logger: logging.Logger, message: str = "said") -> None:
    """Run a flow that logs one line by a logger."""

    @flow
    def saying() -> None:
        logger.warning(message)

    saying()
