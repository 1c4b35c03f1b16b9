from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from alisio.contract.base import utc_now
from alisio.contract.ids import new_id
from alisio.contract.work_pools import WakeUpAnswer
from alisio_server.adapters.laptop.bells import Bells, OwnBells
from alisio_server.ports import WakeUp

QUEUE, OTHER = new_id(), new_id()


@pytest.fixture
def bells() -> Iterator[Bells]:
    """Bells that are closed after the test."""
    bells = Bells()
    yield bells
    bells.close()


@pytest.fixture
def own(bells: Bells) -> Iterator[OwnBells]:
    """The port that rings them."""
    own = OwnBells(bells)
    yield own
    own.close()


def ring(own: OwnBells, queue_id: UUID = QUEUE, in_seconds: float = 0) -> None:
    """Ring for a run that is due in so many seconds."""
    own.send([WakeUp(queue_id, new_id(), utc_now() + timedelta(seconds=in_seconds))])


async def until_waiting(bells: Bells, count: int) -> None:
    """Wait until so many wait."""
    async with asyncio.timeout(60):
        while bells.waiting != count:
            await asyncio.sleep(0.001)


def hears(bells: Bells, queue_id: UUID) -> bool:
    """Wait for a ring, which is to end the wait long before its time is over."""
    return asyncio.run(asyncio.wait_for(bells.wait([queue_id], 0, 100), 50)).rang


def test_nobody_rings() -> None:
    """A wait ends without a ring after its time, and leaves nobody behind."""
    bells = Bells()

    answer = asyncio.run(bells.wait([QUEUE], 0, 0.01))

    assert (False, 0) == (answer.rang, bells.waiting)


def test_every_waiter_hears_a_ring(bells: Bells, own: OwnBells) -> None:
    """All that wait for a queue hear its ring; one that waits for another does not."""

    async def scenario() -> list[WakeUpAnswer]:
        waits = [asyncio.ensure_future(bells.wait([QUEUE], 0, 60)) for _ in range(3)]
        other = asyncio.ensure_future(bells.wait([OTHER], 0, 60))
        await until_waiting(bells, 4)
        ring(own)
        heard = await asyncio.gather(*waits)
        assert not other.done()
        bells.close()
        return [*heard, await other]

    assert [True, True, True, False] == [answer.rang for answer in asyncio.run(scenario())]


def test_a_ring_between_two_waits_is_heard(bells: Bells, own: OwnBells) -> None:
    """What rang since the last answer is answered at once, and only once."""
    first = asyncio.run(bells.wait([QUEUE], 0, 0))
    ring(own)

    second = asyncio.run(bells.wait([QUEUE], first.sequence, 60))
    third = asyncio.run(bells.wait([QUEUE], second.sequence, 0.01))

    assert [False, True, False] == [first.rang, second.rang, third.rang]
    assert first.sequence < second.sequence


def test_a_sequence_of_another_server_is_answered_at_once(bells: Bells) -> None:
    """Nobody knows what rang before a restart, so an agent that comes with an old number is told to look."""
    before, ahead = asyncio.run(bells.wait([QUEUE], 1, 60)), asyncio.run(bells.wait([QUEUE], 2**60, 60))

    assert (True, True) == (before.rang, ahead.rang)


def test_sequences_grow_over_restarts() -> None:
    """The sequence begins at the microseconds since 1970."""
    before = time.time_ns() // 1_000
    bells = Bells()
    after = time.time_ns() // 1_000

    assert before <= asyncio.run(bells.wait([QUEUE], 0, 0)).sequence <= after


def test_delayed_rings_arrive_when_due(bells: Bells, own: OwnBells) -> None:
    """A wake-up for a later run arrives when it is due, and not before."""
    first, second = utc_now() + timedelta(seconds=0.2), utc_now() + timedelta(seconds=0.4)
    own.send([WakeUp(OTHER, new_id(), second), WakeUp(QUEUE, new_id(), first)])

    for queue_id, due in ((QUEUE, first), (OTHER, second)):
        assert hears(bells, queue_id)
        assert due <= utc_now()


def test_an_earlier_ring_that_came_later_overtakes(bells: Bells, own: OwnBells) -> None:
    """What is due in ten minutes holds up nothing that is due before."""
    ring(own, OTHER, in_seconds=600)
    ring(own, QUEUE, in_seconds=0.1)

    assert hears(bells, QUEUE)
    assert not asyncio.run(bells.wait([OTHER], 0, 0)).rang


def test_closing_sends_the_waiting_home() -> None:
    """Closing ends every wait at once, without pretending that something rang."""
    bells = Bells()

    async def scenario() -> WakeUpAnswer:
        wait = asyncio.ensure_future(bells.wait([QUEUE], 0, 60))
        await until_waiting(bells, 1)
        bells.close()
        return await wait

    assert not asyncio.run(scenario()).rang


def test_a_cancelled_wait_leaves_nobody_behind(bells: Bells) -> None:
    """A client that goes away while it waits is forgotten."""

    async def scenario() -> None:
        wait = asyncio.ensure_future(bells.wait([QUEUE], 0, 60))
        await until_waiting(bells, 1)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)

    asyncio.run(scenario())

    assert 0 == bells.waiting


def test_closing_does_not_wait_for_what_is_due_later(own: OwnBells) -> None:
    """A server ends at once though a run is due in ten minutes."""
    ring(own, in_seconds=600)
    closing = threading.Thread(target=own.close, daemon=True)

    closing.start()
    closing.join(60)

    assert not closing.is_alive()


def test_an_agent_that_asks_two_processes_by_turns_hears_each_ring_once() -> None:
    """Numbers hold in every process that hears the same rings, so nobody is told twice, and nothing is missed."""
    one, two, began = Bells(shared=True), Bells(shared=True), time.time_ns() // 1_000 + 1_000
    for bells in (one, two):
        bells.interrupt(began)

    def heard(after: int, number: int | None) -> tuple[list[bool], int]:
        answers = []
        for bells in (one, two):
            if number is not None:
                bells.ring([QUEUE], number)
        for bells in (one, two, one, two):
            answer = asyncio.run(bells.wait([QUEUE], after, 0.01))
            answers.append(answer.rang)
            after = answer.sequence
        return answers, after

    first, after = heard(0, None)
    second, after = heard(after, after + 5_000_000)
    third, _ = heard(after, None)

    assert ([False] * 4, [True, False, False, False], [False] * 4) == (first, second, third)


def test_a_process_that_began_later_does_not_make_agents_spin() -> None:
    """It knows of no ring before it began, so it says to look, once; the others do not contradict it."""
    one, two = Bells(shared=True), Bells(shared=True)
    one.interrupt(time.time_ns() // 1_000)
    two.interrupt(time.time_ns() // 1_000 + 5_000_000)
    after, rang = asyncio.run(one.wait([QUEUE], 0, 0)).sequence, []

    for bells in (two, one, two, one):
        answer = asyncio.run(bells.wait([QUEUE], after, 0.01))
        after = answer.sequence
        rang.append(answer.rang)

    assert [True, False, False, False] == rang


def test_who_waits_while_nothing_is_heard_is_told_to_look(bells: Bells) -> None:
    """After an interruption every wait ends with a ring, since one may have passed unheard; an agent's first too."""

    async def scenario() -> WakeUpAnswer:
        wait = asyncio.ensure_future(bells.wait([QUEUE], 0, 60))
        await until_waiting(bells, 1)
        bells.interrupt(time.time_ns() // 1_000)
        return await wait

    assert asyncio.run(scenario()).rang
