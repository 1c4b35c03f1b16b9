"""Dead letters: called by SQS with wake-ups that were received five times and never answered."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from alisio_server.adapters.aws.function_logs import logged_about, logged_call, logger
from alisio_server.adapters.aws.metrics import emit
from alisio_server.adapters.aws.opening import open_services
from alisio_server.errors import reason_of
from alisio_server.orchestration.dead_letters import read_run_id, take_dead_letter

_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Take dead letters, and say which of them could not be taken: SQS brings those again.

    Args:
        event: A batch of messages.
        context: Lambda's context.
    """
    with logged_call(context):
        emit({"DeadLetters": len(event["Records"])})
        return process_partial_response(event=event, record_handler=_take, processor=_processor, context=context)


def _take(record: SQSRecord) -> None:
    run_id = read_run_id(record.body)
    if run_id is None:
        logger.warning("a dead letter that is no wake-up is dropped", extra={"message_id": record.message_id})
        return
    with logged_about(flow_run_id=str(run_id)):
        try:
            rings = take_dead_letter(open_services(), run_id)
        except Exception as error:
            logger.error("a dead letter cannot be taken, and comes again: %s", reason_of(error))
            raise
        logger.warning("a wake-up was never answered; %s", "it is sent again" if rings else "its run waits no more")
