"""Sources of code: folders and Git repositories."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from alisio.deployments.failures import ProjectError

if TYPE_CHECKING:
    from alisio.flows import Flow

__all__ = ["GitRepository", "LocalStorage", "RunnerStorage"]

_ADDRESS = re.compile(r"^(https?|ssh|git|file)://|^[\w.-]+@[\w.-]+:|\.git$")
_GIT_SECONDS = 600


class RunnerStorage(Protocol):
    """A source of code."""

    @property
    def destination(self) -> Path:
        """The folder that it lies in once it was pulled."""
        ...

    def pull_code(self) -> object:
        """Bring the code there, as it is now; what is given is not used."""
        ...


class LocalStorage:
    """A folder on this machine.

    Args:
        path: The folder.
        pull_interval: It is used where it lies, so nothing is pulled.
    """

    def __init__(self, path: str | Path, pull_interval: int | None = None) -> None:
        self._path = Path(path).expanduser().absolute()

    @property
    def destination(self) -> Path:
        """The folder."""
        return self._path

    def pull_code(self) -> None:
        """See to it that it is there.

        Raises:
            ProjectError: It is not.
        """
        if not self._path.is_dir():
            raise ProjectError(f"there is no folder {self._path} to load a flow from")


class GitRepository:
    """A Git repository, cloned with the `git` of this machine into the folder `storage` of `ALISIO_HOME`.

    Args:
        url: Its address, as `git clone` takes it.
        credentials: `username` and `access_token` (or `password`), for an address over HTTPS: a mapping whose values
            may be `Secret` blocks. They go to Git alone, never into a log or a bundle.
        name: The folder's; by default made from the address.
        branch: In place of the repository's own.
        commit_sha: A commit, in place of the branch's last one.
        include_submodules: Whether to fetch those too.
        directories: Only these folders of it.
        pull_interval: Code is fetched when a flow is loaded from it, so it is not pulled again and again.

    Raises:
        ValueError: An option cannot be used.
    """

    def __init__(
        self,
        url: str,
        credentials: Mapping[str, Any] | None = None,
        name: str | None = None,
        branch: str | None = None,
        commit_sha: str | None = None,
        include_submodules: bool = False,
        directories: list[str] | None = None,
        pull_interval: int | None = 60,
    ) -> None:
        if branch is not None and commit_sha is not None:
            raise ValueError("give a branch or a commit_sha, not both")
        for option, value in (("url", url), ("branch", branch), ("commit_sha", commit_sha)):
            if value is not None and (not isinstance(value, str) or value.startswith("-") or not value):
                raise ValueError(f"{option} cannot be {value!r}")
        if credentials is not None and urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("credentials go with an address that begins with https://")
        self._url = url
        self._credentials = credentials
        self._name = name
        self._branch = branch
        self._commit = commit_sha
        self._submodules = include_submodules
        self._directories = list(directories or ())

    @property
    def destination(self) -> Path:
        """The folder that it is cloned into."""
        from alisio.settings import current_settings

        said = (self._url, self._branch, self._commit, self._submodules, *self._directories)
        digest = hashlib.sha256(repr(said).encode()).hexdigest()[:12]
        stem = re.sub(r"\W+", "-", Path(urlsplit(self._url).path).stem).strip("-") or "repository"
        return current_settings().home / "storage" / (self._name or f"{stem}-{digest}")

    def pull_code(self) -> None:
        """Clone it, or bring the clone to what is there now.

        Raises:
            ProjectError: Git is not there, or refuses.
        """
        folder = self.destination
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / ".git").is_dir():
            self._git("init", "--quiet")
        if self._directories:
            self._git("sparse-checkout", "set", *self._directories)
        wanted = self._commit or self._branch or "HEAD"
        self._git("fetch", "--quiet", "--depth", "1", self._address(), wanted)
        self._git("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
        self._git("clean", "--quiet", "-ffdx")
        if self._submodules:
            self._git("submodule", "update", "--quiet", "--init", "--recursive", "--depth", "1")

    def _address(self) -> str:
        if self._credentials is None:
            return self._url
        given = {name: _revealed(value) for name, value in self._credentials.items()}
        secret = given.get("access_token") or given.get("password")
        if not secret:
            raise ProjectError("credentials for Git have an access_token or a password")
        parts = urlsplit(self._url)
        user = quote(given.get("username") or "git", safe="")
        return urlunsplit(parts._replace(netloc=f"{user}:{quote(secret, safe='')}@{parts.netloc.rpartition('@')[2]}"))

    def _git(self, *arguments: str) -> None:
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
        command = ["git", "-C", str(self.destination), *arguments]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
            )
        except FileNotFoundError as error:
            raise ProjectError("flows from a repository need `git`, which is not on this machine") from error
        except subprocess.TimeoutExpired as error:
            raise ProjectError(f"{self._url} was not fetched within {_GIT_SECONDS} s") from error
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"git {arguments[0]} ended with {done.returncode}"]
            # Git shows the address it was given, and with it the secret.
            reason = re.sub(r"//[^/@\s]*@", "//", lines[-1])
            raise ProjectError(f"{self._url} cannot be fetched: {reason}")


def load_from_source(source: str | Path | RunnerStorage, entrypoint: str) -> Flow[..., Any]:
    """Load a flow from a source; see `Flow.from_source`."""
    from alisio.deployments.deploying import source_in_project
    from alisio.engine.entrypoints import load_flow

    storage: RunnerStorage
    if isinstance(source, str) and _ADDRESS.search(source) and not Path(source).expanduser().is_dir():
        storage = GitRepository(source)
    elif isinstance(source, str | Path):
        storage = LocalStorage(source)
    else:
        storage = source
    storage.pull_code()
    found = source_in_project(entrypoint, storage.destination)
    flow = load_flow(found.entrypoint, found.root)
    flow.source = found
    return flow


def _revealed(value: Any) -> str:
    """Read a text that may be kept in a block, or be pydantic's."""
    for reader in ("get", "get_secret_value"):
        if hasattr(value, reader):
            return str(getattr(value, reader)())
    return str(value)
