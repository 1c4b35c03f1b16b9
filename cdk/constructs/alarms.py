"""The alarms, and the topic that they go to."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.constructs.functions import METRICS_NAMESPACE, ServerFunction
from cdk.stages import Stage

_MINUTE = Duration.minutes(1)
_FIVE_MINUTES = Duration.minutes(5)
_SILENCE_IS_FINE = cloudwatch.TreatMissingData.NOT_BREACHING
_SILENCE_IS_BAD = cloudwatch.TreatMissingData.BREACHING


class Alarms(Construct):
    """Alarms of a stage, which all go to one topic.

    Attributes:
        topic: Of SNS; who subscribes hears of them.
    """

    def __init__(self, scope: Construct, id: str, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self._stage = stage
        self.topic = sns.Topic(self, "Topic", topic_name=f"{stage.prefix}-alarms", master_key=key, enforce_ssl=True)
        # The policy that asks for TLS takes the place of the one by which alarms of the account may publish; and to a
        # topic that is encrypted CloudWatch publishes only if it may use the key.
        cloudwatch_here = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        )
        self.topic.grant_publish(cloudwatch_here)
        key.grant_encrypt_decrypt(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        if stage.alarm_email is not None:
            self.topic.add_subscription(subscriptions.EmailSubscription(stage.alarm_email))

    def watch_functions(self, functions: Iterable[ServerFunction]) -> None:
        """Alarm when functions fail, or are asked for more than may run at once."""
        for function in functions:
            of = function.function
            name = f"{function.node.id}Function"
            self._add(
                f"{name}Errors", of.metric_errors(period=_FIVE_MINUTES), "calls of the function failed", periods=1
            )
            self._add(
                f"{name}Throttles", of.metric_throttles(period=_FIVE_MINUTES), "calls were turned away", periods=3
            )

    def watch_tick(self, tick: ServerFunction) -> None:
        """Alarm when the clockwork stands still, and when it finds runs that nobody starts."""
        self._add(
            "TickMissed",
            tick.function.metric_invocations(period=_MINUTE),
            "the tick was not called for 3 minutes: no schedule, lease or wake-up moves",
            threshold=1,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            missing=_SILENCE_IS_BAD,
        )
        self._add(
            "LateRuns",
            server_metric(self._stage, "LateRuns"),
            "runs are late: no agent takes them, or too few do",
            periods=5,
        )

    def watch_dead_letters(self, queue: sqs.IQueue) -> None:
        """Alarm when a wake-up was received five times and never answered."""
        self._add(
            "DeadLetters",
            # Those that SQS has moved there count as sent nowhere; they do once the function is given them.
            queue.metric_number_of_messages_received(period=_MINUTE),
            "agents receive wake-ups and do not claim",
            periods=1,
        )
        self._add(
            "DeadLettersLeft",
            queue.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES),
            "the function that handles dead letters does not",
            threshold=1800,
            periods=1,
        )

    def watch_api(self, api: apigateway.IHttpApi) -> None:
        """Alarm when the API answers with errors of its own."""
        errors = api.metric_server_error(period=_FIVE_MINUTES, statistic="Average")
        self._add("ApiErrors", errors, "more than 5 % of the requests are answered with 5xx", threshold=0.05, periods=2)

    def _add(
        self,
        id: str,
        metric: cloudwatch.IMetric,
        description: str,
        *,
        threshold: float = 0,
        periods: int = 3,
        comparison: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        missing: cloudwatch.TreatMissingData = _SILENCE_IS_FINE,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            id,
            alarm_name=f"{self._stage.prefix}-{id}",
            alarm_description=f"Alisio {self._stage.name}: {description}",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=comparison,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))


def server_metric(stage: Stage, name: str, **dimensions: str) -> cloudwatch.Metric:
    """Tell of a metric that the tick writes in its log each minute.

    Args:
        stage: Whose metric it is.
        name: Of the metric.
        dimensions: Beside the stage.
    """
    return cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name=name,
        dimensions_map={"stage": stage.name, **dimensions},
        period=_MINUTE,
        statistic="Maximum",
    )
