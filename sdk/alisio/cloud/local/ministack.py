"""ministack, which stands in for AWS on this machine."""

from __future__ import annotations

import http.client
import os
from pathlib import Path

from alisio.cloud.local import processes

REGION = "us-east-1"


def variables(folder: Path, port: int) -> dict[str, str]:
    """Give all variables that ministack is started with.

    Functions inherit them, so there are no others of the caller.

    Args:
        folder: Of its files.
        port: Where it is to listen on 127.0.0.1.
    """
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        # It leaves the code of functions where it has unpacked it.
        "TMPDIR": str(folder),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
    }


class LocalAws:
    """One ministack on 127.0.0.1; all that is in it is lost when it ends.

    Args:
        program: What to start.
        folder: Of its files and its log.
        port: Where it listens; None takes a free one.
    """

    def __init__(self, program: Path, folder: Path, port: int | None = None) -> None:
        self.port = port or processes.free_port()
        self._program = program
        self._folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which boto3 and the CDK find it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def start(self) -> processes.Process:
        """Start it; returns when it answers.

        Raises:
            CloudError: It cannot be started.
        """
        log = self._folder / "ministack.log"
        process = processes.start([str(self._program)], log, variables(self._folder, self.port))
        processes.wait_for(process, self._answers, "ministack", log)
        return process

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
