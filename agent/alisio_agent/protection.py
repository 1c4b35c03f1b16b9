"""Keeping the agent's own ECS task from being ended by scaling or a deployment while it holds runs.

The container agent of ECS takes requests for that at `$ECS_AGENT_URI/task-protection/v1/state`, see "Amazon ECS task
scale-in protection endpoint" in the developer guide of Amazon ECS.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Any

from alisio.client.lean_httpx import httpx
from alisio_agent.outage import Outage
from alisio_agent.roster import Roster

EXPIRES_MINUTES = 60
"""How long a protection lasts that is not renewed: so long an agent that hangs stays protected."""
RENEW_SECONDS = 20 * 60.0
LOOK_SECONDS = 0.5
IDLE_SECONDS = 10.0
"""How long there are no runs before the protection ends: ECS allows few requests."""
RETRY_SECONDS = 30.0
_REQUEST_SECONDS = 5.0


class ProtectionRefusedError(Exception):
    """ECS has not done what it was asked. The text is one line."""


class TaskProtection:
    """Has the task protected from soon after there is a run until soon after there is none.

    Where that fails the agent says so once and tries again; should ECS stop the task meanwhile, it drains.

    Args:
        agent_uri: What ECS has put into `ECS_AGENT_URI`.
        roster: What the agent holds.
    """

    def __init__(self, agent_uri: str, roster: Roster) -> None:
        self._url = f"{agent_uri}/task-protection/v1/state"
        self._roster = roster
        self._outage = Outage("task protection of ECS")
        self._is_protected = False
        self._held_at = self._renew_at = self._retry_at = -math.inf

    def run(self, ended: threading.Event) -> None:
        """Look after the protection until the agent has ended."""
        while not ended.wait(LOOK_SECONDS):
            self._look(time.monotonic())

    def _look(self, now: float) -> None:
        if len(self._roster) > 0:
            self._held_at = now
        is_wanted = now < self._held_at + IDLE_SECONDS
        is_due = is_wanted is not self._is_protected or (is_wanted and now >= self._renew_at)
        if is_due and now >= self._retry_at:
            self._ask(is_wanted, now)

    def _ask(self, wanted: bool, now: float) -> None:
        try:
            _put(self._url, wanted)
        except (httpx.HTTPError, httpx.InvalidURL, ProtectionRefusedError) as error:
            self._retry_at = now + RETRY_SECONDS
            self._outage.begin(error, 1)
            return
        self._outage.end()
        self._is_protected = wanted
        self._renew_at = now + RENEW_SECONDS


def _put(url: str, wanted: bool) -> None:
    """Ask for protection, or for its end.

    Raises:
        httpx.HTTPError: The container agent cannot be reached.
        ProtectionRefusedError: It answers that it is not so.
    """
    asked: dict[str, Any] = {"ProtectionEnabled": wanted}
    if wanted:
        asked["ExpiresInMinutes"] = EXPIRES_MINUTES
    response = httpx.put(url, json=asked, timeout=_REQUEST_SECONDS, trust_env=False)
    try:
        answer = response.json()
        is_done = bool(answer["protection"]["ProtectionEnabled"]) is wanted
    except (ValueError, KeyError, TypeError):
        is_done = False
    if response.is_error or not is_done:
        raise ProtectionRefusedError(f"ECS does not protect this task as asked: {_why(response)}")


def _why(response: httpx.Response) -> str:
    return f"{response.status_code} {' '.join(response.text.split())[:300]}"
