"""The clockwork: EventBridge Scheduler calls the tick every minute, and whenever a schedule's own entry fires."""

from __future__ import annotations

import json

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from cdk.constructs.functions import live_arn
from cdk.nag import accept_wildcard
from cdk.stages import Stage

_MANAGE = ("scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule")


class Clockwork(Construct):
    """The group of a stage's schedule entries, the minute's tick, and the role in which entries call the tick.

    Attributes:
        group_name: Of the group; what is in it goes with it.
        role: In which EventBridge Scheduler calls the tick.
        tick_arn: What it calls.
    """

    def __init__(self, scope: Construct, id: str, stage: Stage) -> None:
        super().__init__(scope, id)
        self.group_name = stage.prefix
        self.tick_arn = live_arn(self, stage, "tick")
        self._group = scheduler.CfnScheduleGroup(self, "Group", name=self.group_name)
        self._group.apply_removal_policy(RemovalPolicy.DESTROY)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
            ),
        )
        self.role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.tick_arn]))

    def start(self, tick: Construct) -> None:
        """Have the tick called every minute.

        Args:
            tick: Its alias, which has to be there first.
        """
        minute = scheduler.CfnSchedule(
            self,
            "Minute",
            # In the group that every account has: whoever keeps the entries of schedules has no right to it there.
            name=f"{self.group_name}-clockwork",
            description="The tick: schedules, wake-ups, leases, late runs, retention",
            schedule_expression="rate(1 minute)",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self.tick_arn,
                role_arn=self.role.role_arn,
                input=json.dumps({"source": "clockwork"}),
                # One that comes late is of no use: the next one follows within the minute.
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=60, maximum_retry_attempts=0
                ),
            ),
        )
        minute.node.add_dependency(tick, self.role)

    def grant_manage(self, role: iam.IRole) -> None:
        """Let somebody keep one entry for each active schedule, in this group alone."""
        entries = Stack.of(self).format_arn(
            service="scheduler", resource="schedule", resource_name=f"{self.group_name}/*"
        )
        role.add_to_principal_policy(iam.PolicyStatement(actions=list(_MANAGE), resources=[entries]))
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[self.role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
            )
        )
        accept_wildcard(role, entries, "Entries are made at run time; they are alone in the stage's group.")

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which functions make entries."""
        return {
            "ALISIO_SCHEDULE_GROUP": self.group_name,
            "ALISIO_SCHEDULE_ROLE_ARN": self.role.role_arn,
            "ALISIO_TICK_FUNCTION_ARN": self.tick_arn,
        }
