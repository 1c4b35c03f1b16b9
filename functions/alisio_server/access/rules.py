"""What each route demands of its caller. A route says it where it is made; nothing is open by default."""

from __future__ import annotations

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
    # By method and number of parts.
    _others: dict[tuple[str, int], list[tuple[list[str], Rule]]] = field(default_factory=dict)

    def add(self, rule: Rule) -> None:
        """Add the rule of a route."""
        if "<" not in rule.path:
            self._fixed[rule.method, rule.path] = rule
            return
        parts = rule.path.split("/")
        self._others.setdefault((rule.method, len(parts)), []).append((parts, rule))

    def find(self, method: str, path: str) -> Rule | None:
        """Find the rule of what is asked; None where there is no such route.

        Args:
            method: In upper case.
            path: Without its query.
        """
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed
        given = path.split("/")
        likely = self._others.get((method, len(given)), ())
        return next((rule for parts, rule in likely if all(map(_fits, parts, given))), None)

    def all(self) -> list[Rule]:
        """Give every rule, by path and method."""
        rules = [*self._fixed.values(), *(rule for others in self._others.values() for _, rule in others)]
        return sorted(rules, key=lambda rule: (rule.path, rule.method))


def _fits(part: str, given: str) -> bool:
    # A parameter is a whole part, and none is empty.
    return part == given or (part.startswith("<") and bool(given))


RULES = RuleBook()
"""The rules of the routes of this process, which `Resource.route` fills."""
