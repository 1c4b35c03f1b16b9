"""What every bell does, whatever carries its wake-ups."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

from alisio.contract.base import utc_now
from alisio.contract.ids import new_id
from alisio_server.ports import WakeUp
from tests.integration.orchestration.world import World
from tests.integration.wake_ups.conftest import Ringing

_EARLIEST_CLAIM = 2.0
_LONG = 20.0
"""Seconds to wait for what must come: the most that SQS offers."""


def wake_up(queue_id: object, seconds: float = 0) -> WakeUp:
    """Make a wake-up that is due in so many seconds."""
    return WakeUp(queue_id, new_id(), utc_now() + timedelta(seconds=seconds))  # type: ignore[arg-type]


def test_a_ring_reaches_its_queue_alone(ringing: Ringing) -> None:
    """Who listens to the queue hears it at once, who listens to another one does not."""
    ours, theirs = new_id(), new_id()
    ringing.wake_ups.send([wake_up(ours)])
    assert ringing.hears(ours, _LONG)
    assert not ringing.hears(theirs, 1)
    assert not ringing.hears(ours, 1)


def test_many_at_once(ringing: Ringing) -> None:
    """More wake-ups than go into one message of any bell are all taken, for each queue."""
    queues = [new_id(), new_id()]
    ringing.wake_ups.send([wake_up(queue_id) for _ in range(23) for queue_id in queues])
    assert all(ringing.hears(queue_id, _LONG) for queue_id in queues)


def test_a_ring_for_later_comes_when_it_is_due(ringing: Ringing) -> None:
    """It comes, and no earlier than a claim may take the run."""
    queue_id = new_id()
    ringing.hears(queue_id, 0)
    sent = time.monotonic()
    ringing.wake_ups.send([wake_up(queue_id, 4)])
    assert ringing.hears(queue_id, _LONG)
    assert 4 - _EARLIEST_CLAIM <= time.monotonic() - sent


def test_a_doubled_ring_does_no_harm(ringing: Ringing, world: World) -> None:
    """Of two rings for one run the first brings the run, and the second nothing."""
    world.services = replace(world.services, wake_ups=ringing.wake_ups)
    run_id = world.run(world.deploy())
    ringing.wake_ups.send([WakeUp(world.queue_id(), run_id, world.now)])
    assert ringing.hears(world.queue_id(), _LONG)
    claimed = world.claim()
    while ringing.hears(world.queue_id(), 1):
        claimed += world.claim()
    assert [run_id] == [job.flow_run_id for job in claimed]


def test_a_lost_ring_comes_again(ringing: Ringing, world: World) -> None:
    """A ring that nobody took to heart is sent again by the next tick, and then a minute later."""
    world.services = replace(world.services, wake_ups=ringing.wake_ups)
    world.run(world.deploy())
    assert ringing.hears(world.queue_id(), _LONG)
    world.tick()
    assert ringing.hears(world.queue_id(), _LONG)
    world.tick()
    assert not ringing.hears(world.queue_id(), 1)
    world.pass_time(60)
    world.tick()
    assert ringing.hears(world.queue_id(), _LONG)
