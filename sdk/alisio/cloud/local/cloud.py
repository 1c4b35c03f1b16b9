"""The local cloud as a whole: up, found again by later commands, and down."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from alisio.client import Client
from alisio.cloud.aws import Aws
from alisio.cloud.deployment import StageDeployment
from alisio.cloud.errors import CloudError
from alisio.cloud.local.ministack import LocalAws
from alisio.cloud.local.postgres import LocalPostgres
from alisio.cloud.local.processes import Process
from alisio.cloud.local.tools import install_tools
from alisio.cloud.login import Access, read_access
from alisio.exceptions import ApiError, ApiUnreachableError
from alisio.utilities.files import write_whole

STAGE = "local"
_ANSWER_SECONDS = 60.0
_LOOK_SECONDS = 0.5
# Each of these would lead the CDK or boto3 away from the local cloud.
_MISLEADING = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")


@dataclass(frozen=True)
class LocalCloud:
    """A local cloud that was started.

    Attributes:
        folder: Of all that it keeps.
        aws: ministack's process.
        database: PostgreSQL's process.
        database_url: PostgreSQL's address, with the password.
        environment: The variables with which boto3 and the CDK find it.
    """

    folder: str
    aws: Process
    database: Process
    database_url: str
    environment: dict[str, str]

    def is_up(self) -> bool:
        """Tell whether both of its processes run."""
        return self.aws.is_there() and self.database.is_there()

    def stop(self) -> None:
        """End its processes and remove its folder."""
        self.aws.stop()
        self.database.stop(LocalPostgres.stop_signal)
        shutil.rmtree(self.folder, ignore_errors=True)


def bring_up(home: Path, say: Callable[[str], None], port: int | None = None) -> tuple[LocalCloud, Access]:
    """Start ministack and PostgreSQL unless they run, and deploy the `local` stage as it is now.

    This process's own variables are those of the local cloud afterwards.

    Args:
        home: Where it is written down that they run.
        say: Shows a line to the user.
        port: Where ministack listens; None takes a free one.

    Returns:
        The local cloud, and how its API is reached.

    Raises:
        CloudError: Something cannot be installed, started or deployed.
    """
    cloud = find_local_cloud(home)
    if cloud is None or not cloud.is_up():
        take_down(home)
        cloud = _start(home, say, port)
    use(cloud)
    StageDeployment(STAGE, say, {"database_url": cloud.database_url}).deploy(bootstrap=True)
    access = read_access(Aws(), STAGE)
    _wait_for_api(cloud, access)
    return cloud, access


def take_down(home: Path) -> bool:
    """End the local cloud of a home, and remove all that it kept.

    Returns:
        Whether there was one.
    """
    cloud = find_local_cloud(home)
    if cloud is None:
        return False
    cloud.stop()
    _record_path(home).unlink(missing_ok=True)
    return True


def find_local_cloud(home: Path) -> LocalCloud | None:
    """Read what is written down of the local cloud of a home; None where there is nothing that can be read."""
    try:
        found = json.loads(_record_path(home).read_bytes())
        return LocalCloud(
            found["folder"],
            Process(**found["aws"]),
            Process(**found["database"]),
            found["database_url"],
            found["environment"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def use(cloud: LocalCloud) -> None:
    """Have this process, and what it starts, take the local cloud for AWS."""
    for name in _MISLEADING:
        os.environ.pop(name, None)
    os.environ.update(cloud.environment)


def _start(home: Path, say: Callable[[str], None], port: int | None) -> LocalCloud:
    tools = install_tools(say)
    # Not in the home, which its owner alone may enter: as root, PostgreSQL runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="alisio-cloud-"))
    say(f"starting ministack and PostgreSQL in {folder} …")
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o711)
        for part in ("aws", "database"):
            (folder / part).mkdir(mode=0o700)
        aws = LocalAws(tools.ministack, folder / "aws", port)
        database = LocalPostgres(tools.postgres, folder / "database")
        database_process = database.start()
        undo.callback(database_process.stop, LocalPostgres.stop_signal)
        aws_process = aws.start()
        undo.pop_all()
    cloud = LocalCloud(str(folder), aws_process, database_process, database.url, aws.environment)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(_record_path(home), json.dumps(asdict(cloud)), private=True)
    return cloud


def _wait_for_api(cloud: LocalCloud, access: Access) -> None:
    # With the patience of the client: whoever gives up and asks anew has a function started each time.
    deadline = time.monotonic() + _ANSWER_SECONDS
    with Client.over_http(access.api_url, access.api_key) as client:
        while True:
            try:
                client.read_health()
                return
            except (ApiUnreachableError, ApiError) as error:
                if time.monotonic() > deadline:
                    log = Path(cloud.folder) / "aws" / "ministack.log"
                    message = f"the API at {access.api_url} does not answer ({error}); see {log}"
                    raise CloudError("local_cloud_not_started", message) from error
            time.sleep(_LOOK_SECONDS)


def _record_path(home: Path) -> Path:
    return home / "local-cloud.json"
