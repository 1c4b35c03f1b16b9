"""The CDK's command line: the version that the app's lock file names, installed beside the app, run on the app."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from alisio.cloud.errors import CloudError
from alisio.cloud.places import find_app

OLDEST_NODE = 20
_LAST_LINES = 40
# Whether Node.js is new enough is looked at here, once and in one line.
_QUIET = dict.fromkeys(
    (
        "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION",
    ),
    "1",
)
# With these the CDK ends what the app has said of its failure, and npm what it has itself.
_EPILOGUES = ("Subprocess exited with error", "A complete log of this run")
# How npm says it of the network, of which it goes on with advice.
_REASON = "failed, reason:"
# The app says what is wrong with it in such a line, and npm and the CDK in others like it.
_ERROR = re.compile(r"^(?:npm )?(?:\S+: )?error:? +(?=\S)", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class CdkFailedError(CloudError):
    """The CDK ended with an error, of which its output says more than the one line."""


class Cdk:
    """The CDK on Alisio's app.

    Args:
        context: Given to the app, by name, such as `stage`.
        say: Shows a line to the user.
        environment: More variables of the CDK and of the app.

    Raises:
        CloudError: Node.js or the app's own libraries are missing or too old.
    """

    def __init__(
        self, context: Mapping[str, str], say: Callable[[str], None], environment: Mapping[str, str] | None = None
    ) -> None:
        self._app = find_app()
        self._say = say
        self._context = context
        self._environment = dict(os.environ) | _QUIET | dict(environment or {})
        _require_node()
        _require_libraries()
        self._program = self._install()

    def run(self, *arguments: str) -> None:
        """Run a command of the CDK; what it prints is shown as it comes.

        Args:
            arguments: The command and its options.

        Raises:
            CdkFailedError: It ended with an error. The text is its last word.
        """
        code, lines = self._ask(*arguments)
        if code != 0:
            raise CdkFailedError("cdk_failed", f"`cdk {arguments[0]}` failed: {last_word(lines)}")

    def bootstrap(self, environment: str) -> None:
        """Prepare an account and region for the CDK.

        Args:
            environment: Such as `aws://123456789012/eu-west-1`.

        Raises:
            CdkFailedError: It ended with an error.
        """
        # Where there is no app, none is asked what it would deploy.
        code, lines = self._stream([str(self._program), "bootstrap", environment], self._app / "cdk")
        if code != 0:
            raise CdkFailedError("cdk_failed", f"`cdk bootstrap` failed: {last_word(lines)}")

    def differs(self) -> bool:
        """Show in what the app differs from what is deployed, and tell whether it does.

        Raises:
            CdkFailedError: The CDK cannot tell.
        """
        code, lines = self._ask("diff", "--fail")
        if code not in (0, 1) or (code == 1 and not any("Number of stacks with differences" in line for line in lines)):
            raise CdkFailedError("cdk_failed", f"`cdk diff` failed: {last_word(lines)}")
        return code == 1

    def _ask(self, *arguments: str) -> tuple[int, list[str]]:
        """Run a command on the app; returns its exit code, and its last lines."""
        # The Python that runs this has the app's libraries; another that is first in the PATH need not.
        command = [str(self._program), "--app", f'"{sys.executable}" -m cdk.app', *arguments, "--no-notices"]
        command += [part for name, value in self._context.items() for part in ("--context", f"{name}={value}")]
        # Two commands that wrote their templates to one folder would stand in each other's way.
        with tempfile.TemporaryDirectory(prefix="alisio-cdk-") as output:
            return self._stream([*command, "--output", output])

    def _stream(self, command: Sequence[str], folder: Path | None = None) -> tuple[int, list[str]]:
        kept: deque[str] = deque(maxlen=_LAST_LINES)
        with subprocess.Popen(
            command,
            cwd=folder or self._app,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self._say(line.rstrip("\n"))
                kept.append(_COLOUR.sub("", line).strip())
        return process.returncode, [line for line in kept if line]

    def _install(self) -> Path:
        """Bring the CDK to the version that the lock file names, and tell where it is."""
        folder = self._app / "cdk"
        wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))["devDependencies"]["aws-cdk"]
        program = folder / "node_modules" / ".bin" / "cdk"
        if _installed_version(folder) == wanted and program.exists():
            return program
        self._say(f"installing aws-cdk {wanted} …")
        npm = shutil.which("npm")
        if npm is None:
            raise CloudError("npm_missing", f"npm is missing, which installs aws-cdk {wanted}: install it with Node.js")
        code, lines = self._stream([npm, "ci", "--prefix", str(folder), "--loglevel=error", "--no-audit", "--no-fund"])
        if code != 0 or _installed_version(folder) != wanted:
            raise CloudError("cdk_not_installed", f"aws-cdk {wanted} cannot be installed with npm: {last_word(lines)}")
        return program


def last_word(lines: Sequence[str]) -> str:
    """Find, in what a program printed before it failed, the line that says why."""
    lines = [line for line in lines if not any(epilogue in line for epilogue in _EPILOGUES)]
    said = [line for line in lines if _ERROR.match(line)]
    said = [line for line in said if _REASON in line] or said
    if said:
        return _ERROR.sub("", said[-1]).rstrip(".")
    return lines[-1].rstrip(".") if lines else "it said nothing"


def _require_node() -> None:
    advice = f"install Node.js {OLDEST_NODE} or newer, which the AWS CDK runs on"
    node = shutil.which("node")
    if node is None:
        raise CloudError("node_missing", f"Node.js is missing: {advice}")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = version.lstrip("v").partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST_NODE:
        raise CloudError("node_too_old", f"Node.js {version or 'of unknown version'} is too old: {advice}")


def _require_libraries() -> None:
    missing = [name for name in ("aws_cdk", "cdk_nag") if find_spec(name) is None]
    if missing:
        message = f"{' and '.join(missing)} cannot be imported: install them with `pip install 'alisio[cloud]'`"
        raise CloudError("cdk_libraries_missing", message)


def _installed_version(folder: Path) -> str | None:
    try:
        found = json.loads((folder / "node_modules" / "aws-cdk" / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(found.get("version"))
