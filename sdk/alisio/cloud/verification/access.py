"""Who gets in: TLS and keys at the API, and IAM behind the credentials that agents are lent."""

from __future__ import annotations

import socket
import ssl
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from alisio.cloud.aws import error_code
from alisio.cloud.verification.subject import CheckError, SkippedError, Subject
from alisio.contract.work_pools import WakeUpQueue, WorkPoolCreate

_SECONDS = 30.0
_DENIED = ("AccessDenied", "AccessDeniedException", "AWS.SimpleQueueService.AccessDenied")


def check_tls(subject: Subject) -> str:
    """The API proves who it is with a certificate that holds, by TLS 1.2 or newer, and answers nothing without."""
    address = urlsplit(subject.access.api_url)
    if address.scheme != "https":
        raise CheckError(f"its address is {subject.access.api_url}, which is not TLS")
    host = address.hostname or ""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        with (
            socket.create_connection((host, address.port or 443), timeout=_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=host) as secured,
        ):
            version = secured.version()
    except OSError as error:
        raise CheckError(f"no TLS 1.2 with a certificate that holds for {host}: {error}") from error
    if _answers_in_the_clear(host, address.path):
        raise CheckError(f"http://{host} answers too, without TLS")
    return f"{version}, and nothing in the clear"


def check_keys(subject: Subject) -> str:
    """Without an API key, and with a wrong one, the answer is 401; with the admin's, 200."""
    pools = f"{subject.access.api_url}/work-pools"
    key = subject.access.api_key
    shown = (None, key[:-1] + ("B" if key.endswith("A") else "A"), key)
    got = [httpx.get(pools, headers=_headers(each), timeout=_SECONDS).status_code for each in shown]
    if got != [401, 401, 200]:
        raise CheckError(f"without a key, with a wrong one and with the admin's it answers {got}, not [401, 401, 200]")
    return "401 without and with a wrong one, 200 with the admin's"


def check_lent_credentials(subject: Subject) -> str:
    """What an agent is lent receives from its own pool's queue; IAM refuses it everything else."""
    pool = f"verify-{uuid.uuid4().hex[:8]}"
    subject.client.create_work_pool(WorkPoolCreate(name=pool))
    try:
        [queue] = subject.client.read_wake_up_source(pool).queues
        return _try_out(subject, queue)
    finally:
        subject.client.delete_work_pool(pool)


def _try_out(subject: Subject, queue: WakeUpQueue) -> str:
    import boto3

    lent = queue.credentials
    if lent is None:
        raise SkippedError("the stage lends none: its agents have credentials of their own")
    session = boto3.Session(lent.access_key_id, lent.secret_access_key, lent.session_token, region_name=queue.region)
    sqs, others = session.client("sqs"), subject.outputs["DeadLettersUrl"]
    sqs.receive_message(QueueUrl=queue.url, WaitTimeSeconds=0)
    attempts: dict[str, Callable[[], Any]] = {
        "send to its queue": lambda: sqs.send_message(QueueUrl=queue.url, MessageBody="verify"),
        "receive from the dead-letter queue": lambda: sqs.receive_message(QueueUrl=others),
        "list the bucket": lambda: session.client("s3").list_objects_v2(Bucket=subject.outputs["BucketName"]),
        "read the admin key": lambda: session.client("secretsmanager").get_secret_value(
            SecretId=subject.outputs["AdminKeySecretArn"]
        ),
    }
    allowed = [what for what, attempt in attempts.items() if not _is_refused(attempt)]
    if allowed:
        raise CheckError(f"an agent's lent credentials may {', '.join(allowed)}")
    return f"they receive from their queue, and may not {', '.join(attempts)}"


def _is_refused(attempt: Callable[[], Any]) -> bool:
    from botocore.exceptions import ClientError

    try:
        attempt()
    except ClientError as error:
        if error_code(error) in _DENIED:
            return True
        raise
    return False


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _answers_in_the_clear(host: str, path: str) -> bool:
    try:
        answer = httpx.get(f"http://{host}{path}/health", timeout=_SECONDS, follow_redirects=False)
    except httpx.TransportError:
        return False
    return answer.status_code == 200
