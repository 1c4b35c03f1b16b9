"""The clockwork: called by EventBridge Scheduler every minute, and whenever a schedule's own entry fires."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.typing import LambdaContext
from sqlalchemy.exc import SQLAlchemyError

from alisio_server.adapters.aws.function_logs import logged_call, logger
from alisio_server.adapters.aws.metrics import emit, emit_gauges
from alisio_server.adapters.aws.opening import open_services
from alisio_server.errors import reason_of
from alisio_server.orchestration.gauges import read_gauges
from alisio_server.orchestration.scheduling.timers import fire_timer
from alisio_server.orchestration.tick import tick
from alisio_server.services import Services

MINUTE_SECONDS = 60.0


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Do a tick, or make the next runs of one schedule.

    Args:
        event: `{"source": "clockwork"}`, or what an entry holds; see `alisio_server.adapters.aws.scheduler`.
        context: Lambda's context.

    Raises:
        Exception: The runs of the schedule could not be made; Lambda tries again.
    """
    with logged_call(context):
        services = open_services()
        if event["source"] == "schedule":
            fire_timer(services, UUID(event["deployment_id"]), event["slug"], event["timer"])
            return
        _tick(services)


def _tick(services: Services) -> None:
    summary = tick(services, MINUTE_SECONDS)
    for part, error in summary.failed.items():
        logger.error("the tick cannot do its part %r, and tries again in a minute: %s", part, reason_of(error))
    emit({"Ticks": 1, "TickFailures": len(summary.failed)})
    try:
        emit_gauges(read_gauges(services.database))
    except SQLAlchemyError as error:
        logger.error("the gauges cannot be read: %s", reason_of(error))
