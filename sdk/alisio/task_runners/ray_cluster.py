"""What runs on a Ray cluster: the function that its workers call, and where they put what they tell."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import ray

from alisio.engine.remote.jobs import Job
from alisio.engine.remote.worker import Answer, Frame, execute

TAIL = 200
"""How many frames come with the answer as well, which may arrive before the last of them."""


class Mailbox:
    """An actor: workers put news in, and the flow's process takes them."""

    def __init__(self) -> None:
        self._messages: list[tuple[str, int, Frame | None]] = []
        self._filled = asyncio.Event()

    async def put(self, job_id: str, number: int, frame: Frame | None) -> None:
        """Take in a frame of a job; None: it has begun."""
        self._messages.append((job_id, number, frame))
        self._filled.set()

    async def take(self) -> list[tuple[str, int, Frame | None]]:
        """Wait until there is something, and give all there is."""
        await self._filled.wait()
        self._filled.clear()
        messages, self._messages = self._messages, []
        return messages


def work(flow: bytes, task: bytes, call: bytes, mailbox: Any, job_id: str) -> tuple[Answer, list[tuple[int, Frame]]]:
    """Do a job.

    Args:
        flow: See `Job`.
        task: See there.
        call: See there.
        mailbox: The flow run's.
        job_id: Which job it is.

    Returns:
        The answer; and the last frames with their numbers, as they may not have arrived.
    """
    tail: deque[tuple[int, Frame]] = deque(maxlen=TAIL)

    def emit(frame: Frame) -> None:
        number = tail[-1][0] + 1 if tail else 1
        tail.append((number, frame))
        mailbox.put.remote(job_id, number, frame)

    ray.get(mailbox.put.remote(job_id, 0, None))  # from now on there is a way to the mailbox
    return execute(Job(flow, task, call), emit), list(tail)
