"""How the route of wake-ups asks the server in front of it to wait, so that it holds no worker meanwhile.

The route answers at once, "nothing rang", with headers that say for what to wait. The ASGI server takes them out,
waits in its event loop and answers anew. In Lambda nobody waits: there, agents listen to SQS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from aws_lambda_powertools.event_handler import Response

from alisio.contract.work_pools import WakeUpAnswer, WakeUpWait
from alisio_server.events import HttpAnswer

_QUEUES = "alisio-wait-queues"
_AFTER = "alisio-wait-after"
_SECONDS = "alisio-wait-seconds"


@dataclass(frozen=True)
class Wait:
    """What to wait for.

    Attributes:
        queue_ids: The work queues to listen for.
        after: The sequence of the agent's last wake-up.
        seconds: How long to wait.
    """

    queue_ids: tuple[UUID, ...]
    after: int
    seconds: float


def ask_to_wait(queue_ids: Sequence[UUID], wanted: WakeUpWait) -> Response[WakeUpAnswer]:
    """Make the answer that asks to wait."""
    return Response(
        status_code=200,
        content_type="application/json",
        headers={
            _QUEUES: ",".join(queue_id.hex for queue_id in queue_ids),
            _AFTER: str(wanted.after),
            _SECONDS: str(wanted.timeout_seconds),
        },
        body=WakeUpAnswer(rang=False, sequence=wanted.after),
    )


def asked_to_wait(answer: HttpAnswer) -> Wait | None:
    """Read from an answer whether, and for what, to wait."""
    if _QUEUES not in answer.headers:
        return None
    queue_ids = tuple(UUID(hex=text) for text in answer.headers[_QUEUES].split(",") if text)
    return Wait(queue_ids, int(answer.headers[_AFTER]), float(answer.headers[_SECONDS]))
