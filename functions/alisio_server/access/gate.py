"""The gate that every request passes before its route: who asks, whether the role allows it, what the log will say."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import unquote, urlsplit

from alisio.contract.roles import ANONYMOUS, Role
from alisio_server.access.authentication import Authentication
from alisio_server.access.callers import Caller, anonymous_caller, local_caller
from alisio_server.access.changes import Change, record_change
from alisio_server.access.rules import RULES, Access, Rule
from alisio_server.errors import ForbiddenError
from alisio_server.events import Event, headers_of, storable
from alisio_server.orchestration.api_keys import has_keys
from alisio_server.repeats import Repeats
from alisio_server.services import Services

_REFUSAL_NOTED_EVERY_SECONDS = 60.0
# What proxies add to what they pass on: who asks them is not of this machine, though they are.
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-real-ip")
_OPEN_PATHS = ("/", "/docs", "/api/openapi.json")


class Gate(Protocol):
    """What decides whether a request reaches its route."""

    def admit(self, event: Event, services: Services) -> Services:
        """Let a request pass.

        Args:
            event: The request, its body unpacked.
            services: What the API works with.

        Returns:
            The services for this request: they know who asks.

        Raises:
            AlisioServerError: It may not pass.
        """
        ...


class LocalGate:
    """The gate of those who work on the database itself: whoever can write its file has all rights."""

    def admit(self, event: Event, services: Services) -> Services:
        """Let every request pass; see `Gate`."""
        return _for_request(event, services, local_caller(), _rule_of(event))


class KeyGate:
    """The gate of a server: API keys and their roles.

    A database on which no key was ever made is open to this machine; the first key closes it for good.

    Args:
        services: What the API works with.
        clock: Seconds that never go back.
    """

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = services.database
        self._authentication = Authentication(services.database, clock)
        self._is_closed = False
        self._refusals = Repeats(_REFUSAL_NOTED_EVERY_SECONDS, clock)

    def admit(self, event: Event, services: Services) -> Services:
        """Let a request pass that brings a key of a role that may; see `Gate`."""
        rule = _rule_of(event)
        if event["rawPath"] in _OPEN_PATHS or (rule is not None and rule.access is Access.PUBLIC):
            return replace(services, caller=Caller(ANONYMOUS, Role.VIEWER))
        caller = self._caller(event)
        if rule is not None and caller.role not in rule.access.roles:
            self._note_refusal(Change(caller, rule.action, _target(event)))
            raise forbidden(caller, rule.access, rule.action)
        return _for_request(event, services, caller, rule)

    def _caller(self, event: Event) -> Caller:
        source = event["requestContext"]["http"].get("sourceIp") or ""
        headers = headers_of(event)
        if not self._is_closed and is_from_here(source, headers):
            with self._database.glance() as connection:
                self._is_closed = has_keys(connection)
            if not self._is_closed:
                return anonymous_caller(source)
        return self._authentication.authenticate(headers.get("authorization"), source)

    def _note_refusal(self, change: Change) -> None:
        """Write a refusal into the audit log; what a program asks again and again, once a minute."""
        if not self._refusals.is_news(f"{change.caller.api_key_id} {change.action}"):
            return
        with self._database.write() as connection:
            record_change(connection, change, self._database.now(connection), refused=True)


def forbidden(caller: Caller, access: Access, action: str) -> ForbiddenError:
    """Say that a caller's role does not allow something."""
    able = " or ".join(sorted(access.roles))
    return ForbiddenError(
        f"the API key {caller.name!r} has the role {caller.role}, but {action} takes {able}: use a key of that role"
    )


def is_from_here(source: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a request comes from this machine, and not from a page of another site in its browser.

    Such a page can reach a port of this machine, but it cannot hide the names in `Host` and `Origin`. What a proxy
    on this machine passes on comes from elsewhere, as far as it says that it is one.

    Args:
        source: The address that it came from.
        headers: Its headers, their names in lower case.
    """
    if not _is_loopback(source) or any(name in headers for name in _FORWARDED):
        return False
    named = [_host_of(f"//{headers['host']}")] if "host" in headers else []
    if "origin" in headers:
        named.append(_host_of(headers["origin"]))
    return all(host == "localhost" or _is_loopback(host) for host in named)


def _host_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _is_loopback(host: str | None) -> bool:
    try:
        address = ip_address(host or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _rule_of(event: Event) -> Rule | None:
    return RULES.find(event["requestContext"]["http"]["method"].upper(), event["rawPath"])


def _for_request(event: Event, services: Services, caller: Caller, rule: Rule | None) -> Services:
    change = None
    if rule is not None and rule.is_change:
        change = Change(caller, rule.action, _target(event))
    return replace(services, caller=caller, change=change)


def _target(event: Event) -> str:
    # Twice, as a question mark comes encoded twice.
    return storable(unquote(unquote(event["rawPath"])))
