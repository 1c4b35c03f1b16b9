"""What each route demands of its caller. A route says it where it is made; nothing is open by default."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from alisio.contract.roles import Role


class Access(Enum):
    """What a route is for, and so who may use it."""

    PUBLIC = "nobody needs a key"
    READ = "reading what is there"
    EXECUTE = "an agent's own traffic: claims, beats, wake-ups, starts that failed"
    REPORT = "an executor's own traffic: reports, and the code of its run"
    RUN = "asking for runs"
    KEEP = "what flows keep between runs: variables, artifacts, assets"
    SECRETS = "reading the secrets of blocks"
    DEPLOY = "changing deployments, their schedules and their runs, and blocks"
    ADMIN = "everything else: pools, queues, flows, keys, the audit log"

    @property
    def roles(self) -> frozenset[Role]:
        """The roles that may; every one where it is public."""
        return _ROLES[self]

    @property
    def is_change(self) -> bool:
        """Whether it is a change by somebody, or a look at secrets, which belongs into the audit log."""
        return self in (Access.RUN, Access.KEEP, Access.SECRETS, Access.DEPLOY, Access.ADMIN)


_ROLES = {
    Access.PUBLIC: frozenset(Role),
    Access.READ: frozenset(Role),
    Access.EXECUTE: frozenset({Role.AGENT, Role.ADMIN}),
    Access.REPORT: frozenset({Role.AGENT, Role.DEPLOYER, Role.ADMIN}),
    Access.RUN: frozenset({Role.AGENT, Role.DEPLOYER, Role.ADMIN}),
    Access.KEEP: frozenset({Role.AGENT, Role.DEPLOYER, Role.ADMIN}),
    Access.SECRETS: frozenset({Role.AGENT, Role.DEPLOYER, Role.ADMIN}),
    Access.DEPLOY: frozenset({Role.DEPLOYER, Role.ADMIN}),
    Access.ADMIN: frozenset({Role.ADMIN}),
}


@dataclass(frozen=True)
class Rule:
    """What a route demands.

    Attributes:
        method: The HTTP method.
        path: With `<parameters>`.
        access: Who may use it.
        action: The operation's id.
    """

    method: str
    path: str
    access: Access
    action: str

    @property
    def is_change(self) -> bool:
        """Whether its use belongs into the audit log."""
        return self.access.is_change and self.method != "GET"


@dataclass
class RuleBook:
    """The rules of all routes, found by what is asked."""

    _fixed: dict[tuple[str, str], Rule] = field(default_factory=dict)
    _patterns: list[tuple[re.Pattern[str], Rule]] = field(default_factory=list)

    def add(self, rule: Rule) -> None:
        """Add the rule of a route."""
        if "<" not in rule.path:
            self._fixed[rule.method, rule.path] = rule
            return
        pattern = re.sub("<[^>]+>", "[^/]+", rule.path)
        self._patterns.append((re.compile(pattern), rule))

    def find(self, method: str, path: str) -> Rule | None:
        """Find the rule of what is asked; None where there is no such route.

        Args:
            method: In upper case.
            path: Without its query.
        """
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed
        return next(
            (rule for pattern, rule in self._patterns if rule.method == method and pattern.fullmatch(path)), None
        )

    def all(self) -> list[Rule]:
        """Give every rule, by path and method."""
        rules = [*self._fixed.values(), *(rule for _, rule in self._patterns)]
        return sorted(rules, key=lambda rule: (rule.path, rule.method))


RULES = RuleBook()
"""The rules of the routes of this process, which `Resource.route` fills."""
