"""How a finding of cdk-nag is accepted: where it stands, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def accept(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings of the AwsSolutions pack for a construct and what is in it.

    Args:
        construct: What is found fault with.
        reasons: Why that is no fault, by the finding, such as `L1` or `IAM5[Resource::*]`.
    """
    acknowledgments = [Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason) for rule, reason in reasons.items()]
    Validations.of(construct).acknowledge(*acknowledgments)


def accept_wildcard(construct: IConstruct, resource: str, reason: str) -> None:
    """Accept that a policy names a resource with a wildcard.

    Args:
        construct: Whose policy it is.
        resource: As the policy names it.
        reason: Why it cannot be named more closely.
    """
    accept(construct, {f"IAM5[Resource::{_spell(Stack.of(construct).resolve(resource))}]": reason})


def accept_managed_policy(construct: IConstruct, name: str, reason: str) -> None:
    """Accept that a role has a policy that AWS manages.

    Args:
        construct: Whose role it is.
        name: Of the policy, with its path.
        reason: Why it is not one of our own.
    """
    accept(construct, {f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]": reason})


def _spell(value: Any) -> str:
    """Spell a value of a template as findings do: references in angle brackets."""
    if isinstance(value, str):
        return value
    (function, argument), *_ = value.items()
    if function == "Fn::Join":
        return "".join(_spell(part) for part in argument[1])
    return f"<{argument if function == 'Ref' else '.'.join(argument)}>"
