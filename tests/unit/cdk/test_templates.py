"""What must hold of the templates, whatever else changes in them."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from alisio_server.adapters.aws.kms import PURPOSE
from alisio_server.adapters.aws.metrics import emit_gauges
from alisio_server.adapters.aws.s3 import PENDING
from alisio_server.orchestration.artifact_data import data_key
from alisio_server.orchestration.gauges import PoolGauge
from cdk.constructs.functions import METRICS_NAMESPACE
from cdk.stages import SPARE_CONNECTIONS, STAGES, AgentSettings
from tests.unit.cdk.conftest import OPTIONS, Synthesized

LINT_IGNORES = "W3005,W3691"
"""Dependencies that the CDK says twice; and a database version without its minor part, which RDS then chooses."""
KEPT = "RetainExceptOnCreate"
EVERYWHERE = {"0.0.0.0/0", "::/0"}
WHOLE_ACCOUNT_ACTIONS = {
    "ecr:GetAuthorizationToken",
    "sqs:ListQueues",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
"""What AWS lets nobody narrow to a resource."""

Synthesize = Callable[[str], Synthesized]
each_stage = pytest.mark.parametrize("stage", [*STAGES, OPTIONS.name])
each_cloud_stage = pytest.mark.parametrize("stage", ["dev", "prod", OPTIONS.name])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements(made: Synthesized) -> list[dict[str, Any]]:
    documents = [policy["PolicyDocument"] for policy in made.resources("AWS::IAM::Policy")]
    return [statement for document in documents for statement in document["Statement"]]


def _function(made: Synthesized, stage: str, name: str) -> dict[str, Any]:
    functions = made.resources("AWS::Lambda::Function")
    (found,) = [function for function in functions if function.get("FunctionName") == f"alisio-{stage}-{name}"]
    return found


def _told(made: Synthesized, stage: str, name: str) -> dict[str, Any]:
    variables: dict[str, Any] = _function(made, stage, name)["Environment"]["Variables"]
    return variables


def _denies_plain_http(document: dict[str, Any]) -> bool:
    return any(
        statement["Effect"] == "Deny" and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in document["Statement"]
    )


@each_stage
def test_no_bucket_is_public_or_plain(stage: str, synthesize: Synthesize) -> None:
    """Every bucket refuses public access, encrypts what it keeps, and speaks TLS only."""
    made = synthesize(stage)
    buckets = made.resources("AWS::S3::Bucket")
    assert buckets
    for bucket in buckets:
        assert {True} == set(bucket["PublicAccessBlockConfiguration"].values())
        assert 4 == len(bucket["PublicAccessBlockConfiguration"])
        assert "BucketEncryption" in bucket
    policies = [policy["PolicyDocument"] for policy in made.resources("AWS::S3::BucketPolicy")]
    assert len(buckets) == sum(_denies_plain_http(document) for document in policies)


@each_stage
def test_no_queue_or_topic_is_plain(stage: str, synthesize: Synthesize) -> None:
    """Queues and topics are encrypted, and spoken to over TLS."""
    made = synthesize(stage)
    assert [True] == [queue["SqsManagedSseEnabled"] for queue in made.resources("AWS::SQS::Queue")]
    assert all("KmsMasterKeyId" in topic for topic in made.resources("AWS::SNS::Topic"))
    for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        assert [True] == [_denies_plain_http(policy["PolicyDocument"]) for policy in made.resources(kind)]


@each_cloud_stage
def test_no_security_group_is_open(stage: str, synthesize: Synthesize) -> None:
    """Nobody comes in from everywhere: each way in names the group that may take it."""
    made = synthesize(stage)
    inline = [
        rule for group in made.resources("AWS::EC2::SecurityGroup") for rule in group.get("SecurityGroupIngress", [])
    ]
    apart = made.resources("AWS::EC2::SecurityGroupIngress")
    assert inline + apart
    for rule in inline + apart:
        assert not EVERYWHERE & {rule.get("CidrIp"), rule.get("CidrIpv6")}
        assert "SourceSecurityGroupId" in rule


@each_cloud_stage
def test_the_database_is_private_encrypted_and_asks_for_tls(stage: str, synthesize: Synthesize) -> None:
    """It has no public address, stands in subnets without a way out, and refuses plain connections."""
    made = synthesize(stage)
    (database,) = made.resources("AWS::RDS::DBInstance")
    assert (False, True) == (database["PubliclyAccessible"], database["StorageEncrypted"])
    assert database["BackupRetentionPeriod"] >= 1
    (parameters,) = made.resources("AWS::RDS::DBParameterGroup")
    assert "1" == parameters["Parameters"]["rds.force_ssl"]
    (subnets,) = made.resources("AWS::RDS::DBSubnetGroup")
    assert all("isolated" in json.dumps(subnet) for subnet in subnets["SubnetIds"])


def test_the_data_of_prod_outlives_its_stacks(synthesize: Synthesize) -> None:
    """There the database refuses deletion, and bucket and key stay; `dev` is gone without ado."""
    for stage, stays in (("prod", True), ("dev", False)):
        made = synthesize(stage)
        (database,) = made.resources("AWS::RDS::DBInstance")
        assert stays == database["DeletionProtection"]
        core = made.templates[f"alisio-{stage}-core"]["Resources"].values()
        kept = {resource["Type"] for resource in core if resource.get("DeletionPolicy") == KEPT}
        assert stays == ({"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup"} <= kept)


@each_stage
def test_what_a_failed_first_deployment_made_does_not_stand_in_the_way_of_the_next(
    stage: str, synthesize: Synthesize
) -> None:
    """A log that has a name and is kept would be there already: it is kept only once its stack was made."""
    for template in synthesize(stage).templates.values():
        for resource in template["Resources"].values():
            assert "Retain" != resource.get("DeletionPolicy") or "LogGroupName" not in resource["Properties"]


@each_stage
def test_no_policy_allows_everything(stage: str, synthesize: Synthesize) -> None:
    """Actions are named, and resources too but where AWS knows none."""
    for statement in _statements(synthesize(stage)):
        actions = _listed(statement["Action"])
        assert not [action for action in actions if action == "*" or action.endswith(":*")]
        if "*" in _listed(statement["Resource"]):
            assert set(actions) <= WHOLE_ACCOUNT_ACTIONS


@each_stage
def test_credentials_of_agents_reach_the_stages_queues_alone(stage: str, synthesize: Synthesize) -> None:
    """The role that agents are lent may receive from `alisio-<stage>-…`, and nothing else; only the API lends it."""
    made = synthesize(stage)
    (role,) = [
        role for role in made.resources("AWS::IAM::Role") if role.get("Description", "").startswith("Lent to agents")
    ]
    assert "RoleName" not in role, "names of roles are an account's: the stage could stand in one region alone"
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert "ServerApiRole" in json.dumps(trust["Principal"])
    policies = made.resources("AWS::IAM::Policy")
    (statement,) = [
        statement
        for policy in policies
        if "IdentityAgentRole" in json.dumps(policy["Roles"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert all(action.startswith("sqs:") for action in statement["Action"])
    assert not {"sqs:SendMessage", "sqs:DeleteQueue", "sqs:CreateQueue"} & set(statement["Action"])
    assert f":alisio-{stage}-*" in json.dumps(statement["Resource"])


def _roles_that_may(made: Synthesized, action: str) -> set[str]:
    """Tell which roles have an action, each by what it begins with."""
    return {
        policy["Roles"][0]["Ref"].partition("Role")[0]
        for policy in made.resources("AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if action in _listed(statement["Action"])
    }


@each_stage
def test_queues_and_objects_are_deleted_by_few(stage: str, synthesize: Synthesize) -> None:
    """The tick deletes what is over, the API data that came too late for their artifact, `remove` what is not kept."""
    made = synthesize(stage)
    assert {"ServerTick", "RemovalRemove"} == _roles_that_may(made, "sqs:DeleteQueue")
    (bucket,) = [given for given in made.resources("AWS::S3::Bucket") if "LifecycleConfiguration" in given]
    is_kept = "VersioningConfiguration" in bucket
    may = _roles_that_may(made, "s3:DeleteObject")
    assert ({"ServerTick", "ServerApi"} if is_kept else {"ServerTick", "ServerApi", "RemovalRemove"}) == may
    told = _function(made, stage, "remove")["Environment"]["Variables"]
    assert is_kept == ("ALISIO_BUCKET" not in told) == (stage == "prod")
    (taken_back,) = [
        statement["Resource"]
        for policy in made.resources("AWS::IAM::Policy")
        if "ServerApiRole" in json.dumps(policy["Roles"])
        for statement in policy["PolicyDocument"]["Statement"]
        if "s3:DeleteObject" in _listed(statement["Action"])
    ]
    id_ = UUID(int=7)
    assert json.dumps(taken_back).count(f'"/{data_key(id_).removesuffix(str(id_))}*"') == 1


@each_stage
def test_functions_ask_the_regions_own_sts(stage: str, synthesize: Synthesize) -> None:
    """An old boto3 asks the one for all regions, which no endpoint of the network leads to."""
    assert "regional" == _told(synthesize(stage), stage, "api")["AWS_STS_REGIONAL_ENDPOINTS"]


def test_a_burst_of_requests_finds_connections_where_none_are_reserved(synthesize: Synthesize) -> None:
    """In `dev` nothing else keeps requests that come at once from taking more than the database has."""
    made = synthesize("dev")
    (stage,) = made.resources("AWS::ApiGatewayV2::Stage")
    (parameters,) = made.resources("AWS::RDS::DBParameterGroup")
    room = int(parameters["Parameters"]["max_connections"]) - SPARE_CONNECTIONS
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] <= room


def test_connections_of_all_functions_have_their_bounds(synthesize: Synthesize) -> None:
    """In `prod` neither requests nor entries of schedules nor dead letters can take all that the database has."""
    made = synthesize("prod")
    bounds = [_function(made, "prod", name).get("ReservedConcurrentExecutions") for name in ("api", "tick")]
    (consumer,) = made.resources("AWS::Lambda::EventSourceMapping")
    assert ([200, 20], {"MaximumConcurrency": 2}) == (bounds, consumer["ScalingConfig"])


@each_stage
def test_bundles_that_nobody_announces_expire(stage: str, synthesize: Synthesize) -> None:
    """Where uploads lie before they are announced, a rule of the bucket removes them after a day."""
    buckets = synthesize(stage).resources("AWS::S3::Bucket")
    rules = [rule for given in buckets for rule in given.get("LifecycleConfiguration", {}).get("Rules", ())]
    assert [(1, "Enabled")] == [
        (rule["ExpirationInDays"], rule["Status"]) for rule in rules if rule.get("Prefix") == PENDING
    ]


@each_stage
def test_who_keeps_the_entries_of_schedules_cannot_touch_the_clockwork(stage: str, synthesize: Synthesize) -> None:
    """Their rights are to the stage's group, and the minute's entry is not in it."""
    made = synthesize(stage)
    (minute,) = made.resources("AWS::Scheduler::Schedule")
    assert (f"alisio-{stage}-clockwork", False) == (minute["Name"], "GroupName" in minute)
    managed = [given for given in _statements(made) if "scheduler:DeleteSchedule" in _listed(given["Action"])]
    assert 2 == len(managed)
    assert all(json.dumps(given["Resource"]).count(f":schedule/alisio-{stage}/*") == 1 for given in managed)


@each_stage
def test_secrets_of_the_database_are_the_apis_alone(stage: str, synthesize: Synthesize) -> None:
    """No other function may have the key encrypt or decrypt them, nor the API anything else; and the key turns over."""
    made = synthesize(stage)
    allowed = [
        (policy["Roles"], statement)
        for policy in made.resources("AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if "EncryptionContext" in json.dumps(statement.get("Condition", {}))
    ]
    [(roles, statement)] = allowed
    assert "ServerApiRole" in json.dumps(roles)
    assert ["kms:Decrypt", "kms:Encrypt"] == statement["Action"]
    context = {f"kms:EncryptionContext:{name}": value for name, value in PURPOSE.items()}
    assert {"StringEquals": context} == statement["Condition"]
    functions = ("api", "tick", "dead-letters", "migrate")
    told = [name for name in functions if "ALISIO_KMS_KEY_ARN" in _told(made, stage, name)]
    assert ["api"] == told
    assert all(key["EnableKeyRotation"] for key in made.resources("AWS::KMS::Key"))


@each_stage
def test_traffic_waits_for_the_migrations(stage: str, synthesize: Synthesize) -> None:
    """Every alias moves to its new version only after the database was brought to it; a failure leaves the old one."""
    resources = synthesize(stage).templates[f"alisio-{stage}-core"]["Resources"]
    (migrations,) = [name for name, resource in resources.items() if resource["Type"] == "Custom::Migrations"]
    aliases = [resource for resource in resources.values() if resource["Type"] == "AWS::Lambda::Alias"]
    assert 3 == len(aliases)
    assert all(migrations in alias["DependsOn"] for alias in aliases)


@each_cloud_stage
def test_another_pool_of_agents_is_made(stage: str, synthesize: Synthesize) -> None:
    """The function that makes it is called whenever the pool that it is told changes, with the code as it was."""
    made = synthesize(stage)
    (migrations,) = made.resources("Custom::Migrations")
    (told,) = [
        function["Environment"]["Variables"]
        for function in made.resources("AWS::Lambda::Function")
        if function.get("Handler") == "handlers.migrate.handler"
    ]
    assert told["ALISIO_AGENT_POOL"] == migrations["AgentPool"]


@each_stage
def test_the_api_and_the_clockwork_call_aliases(stage: str, synthesize: Synthesize) -> None:
    """Nothing calls a function's newest code before it is live."""
    made = synthesize(stage)
    (integration,) = made.resources("AWS::ApiGatewayV2::Integration")
    assert "Alias" in integration["IntegrationUri"]["Ref"]
    (minute,) = made.resources("AWS::Scheduler::Schedule")
    assert f":alisio-{stage}-tick:live" in json.dumps(minute["Target"]["Arn"])
    assert '{"source": "clockwork"}' == minute["Target"]["Input"]
    (consumer,) = made.resources("AWS::Lambda::EventSourceMapping")
    assert "ServerDeadLettersAlias" in json.dumps(consumer["FunctionName"])
    assert ["ReportBatchItemFailures"] == consumer["FunctionResponseTypes"]


@each_stage
def test_the_dead_letter_queue_outlasts_its_consumer(stage: str, synthesize: Synthesize) -> None:
    """A message stays invisible for six times what the function may take, so that it is not handled twice at once."""
    made = synthesize(stage)
    (queue,) = made.resources("AWS::SQS::Queue")
    assert 6 * _function(made, stage, "dead-letters")["Timeout"] == queue["VisibilityTimeout"]


@each_cloud_stage
def test_functions_run_on_arm_from_snapshots_and_are_followed(stage: str, synthesize: Synthesize) -> None:
    """The server's functions are of one kind: ARM, Python 3.13, traced; those behind an alias start from snapshots."""
    ours = [
        function
        for function in synthesize(stage).resources("AWS::Lambda::Function")
        if function.get("FunctionName", "").startswith(f"alisio-{stage}-")
    ]
    assert 5 == len(ours)
    assert {("arm64",)} == {tuple(function["Architectures"]) for function in ours}
    assert {"python3.13"} == {function["Runtime"] for function in ours}
    assert {"Active"} == {function["TracingConfig"]["Mode"] for function in ours}
    assert {"api", "tick", "dead-letters"} == {
        function["FunctionName"].removeprefix(f"alisio-{stage}-") for function in ours if "SnapStart" in function
    }


@each_stage
def test_every_log_has_an_end(stage: str, synthesize: Synthesize) -> None:
    """No log group keeps its lines forever."""
    groups = synthesize(stage).resources("AWS::Logs::LogGroup")
    assert groups
    assert all("RetentionInDays" in group for group in groups)


@each_stage
def test_the_alarms_are_there(stage: str, synthesize: Synthesize) -> None:
    """Somebody is told of errors, throttles, dead letters, late runs, and of a clockwork that stands still."""
    alarms = {alarm.get("AlarmName", ""): alarm for alarm in synthesize(stage).resources("AWS::CloudWatch::Alarm")}
    names = {name.removeprefix(f"alisio-{stage}-") for name in alarms}
    assert {"ApiErrors", "ApiFunctionErrors", "ApiFunctionThrottles", "DeadLetters", "LateRuns", "TickMissed"} <= names
    assert "breaching" == alarms[f"alisio-{stage}-TickMissed"]["TreatMissingData"]
    # What a redrive policy moves to a queue is none of its NumberOfMessagesSent.
    assert "NumberOfMessagesReceived" == alarms[f"alisio-{stage}-DeadLetters"]["MetricName"]


@each_cloud_stage
def test_agents_are_confined_and_given_time(stage: str, synthesize: Synthesize) -> None:
    """Their root is read-only, their key is a secret, they have two minutes to end, and none waits for work."""
    made = synthesize(stage)
    (task,) = made.resources("AWS::ECS::TaskDefinition")
    (container,) = task["ContainerDefinitions"]
    assert (True, 120) == (container["ReadonlyRootFilesystem"], container["StopTimeout"])
    assert {"AWS_REGION", "AWS_DEFAULT_REGION"} < {variable["Name"] for variable in container["Environment"]}
    assert ["ALISIO_API_KEY"] == [secret["Name"] for secret in container["Secrets"]]
    assert int(container["Command"][container["Command"].index("--drain-seconds") + 1]) < container["StopTimeout"]
    (target,) = made.resources("AWS::ApplicationAutoScaling::ScalableTarget")
    assert 0 == target["MinCapacity"]


@each_cloud_stage
def test_the_key_of_agents_can_be_decrypted_where_they_start(stage: str, synthesize: Synthesize) -> None:
    """ECS starts no task whose secret it may read and not decrypt; the policy of its key is another stack's."""
    made = synthesize(stage)
    (secret,) = [
        statement["Resource"]
        for policy in made.resources("AWS::IAM::Policy")
        if "AgentsTaskExecutionRole" in json.dumps(policy["Roles"])
        for statement in policy["PolicyDocument"]["Statement"]
        if "secretsmanager:GetSecretValue" in _listed(statement["Action"])
    ]
    (decrypt,) = [
        statement
        for policy in made.resources("AWS::IAM::Policy")
        if "AgentsTaskExecutionRole" in json.dumps(policy["Roles"])
        for statement in policy["PolicyDocument"]["Statement"]
        if "kms:Decrypt" in _listed(statement["Action"])
    ]
    assert "AgentKey" in json.dumps(secret)
    assert "StorageKey" in json.dumps(decrypt["Resource"])
    assert "secretsmanager." in json.dumps(decrypt["Condition"]["StringEquals"]["kms:ViaService"])


@each_stage
def test_alarms_may_publish_to_their_topic(stage: str, synthesize: Synthesize) -> None:
    """A topic's own policy takes the place of the one by which alarms of the account may: it has to say so itself."""
    (policy,) = synthesize(stage).resources("AWS::SNS::TopicPolicy")
    (allowed,) = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert ("sns:Publish", {"Service": "cloudwatch.amazonaws.com"}) == (allowed["Action"], allowed["Principal"])
    assert {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}} == allowed["Condition"]


@each_cloud_stage
def test_the_cluster_has_its_providers_before_the_service_and_after_it(stage: str, synthesize: Synthesize) -> None:
    """A service whose provider its cluster has not is refused, and so is taking away one that is in use."""
    resources = synthesize(stage).templates[f"alisio-{stage}-agents"]["Resources"]
    (providers,) = [
        name for name, each in resources.items() if each["Type"] == "AWS::ECS::ClusterCapacityProviderAssociations"
    ]
    (service,) = [each for each in resources.values() if each["Type"] == "AWS::ECS::Service"]
    assert providers in service["DependsOn"]


_AGENTS = {"dev": AgentSettings(), OPTIONS.name: AgentSettings(spot=True), "prod": AgentSettings(most=20)}


@pytest.mark.parametrize("stage", _AGENTS)
def test_as_many_agents_as_the_open_runs_take(stage: str, synthesize: Synthesize) -> None:
    """Whatever the number of open runs, one alarm asks for the agents that these take, and the other is silent."""
    made, settings = synthesize(stage), _AGENTS[stage]
    policies = made.templates[f"alisio-{stage}-agents"]["Resources"]
    alarms = [alarm for alarm in made.resources("AWS::CloudWatch::Alarm") if "Metrics" in alarm]
    assert 2 == len(alarms)
    for open_runs in range(settings.most * settings.runs_each + 3):
        wanted = [
            _agents_for(open_runs, alarm, policies[action["Ref"]]["Properties"]["StepScalingPolicyConfiguration"])
            for alarm in alarms
            if _is_breached(alarm, open_runs)
            for action in alarm["AlarmActions"]
        ]
        assert [min(math.ceil(open_runs / settings.runs_each), settings.most)] == wanted, open_runs


def _is_breached(alarm: dict[str, Any], value: float) -> bool:
    compared = {"LessThanOrEqualToThreshold": float.__le__, "GreaterThanOrEqualToThreshold": float.__ge__}
    return compared[alarm["ComparisonOperator"]](float(value), float(alarm["Threshold"]))


def _agents_for(value: float, alarm: dict[str, Any], scaling: dict[str, Any]) -> int:
    """Find the step as Application Auto Scaling does: its lower end is in it above the threshold, the upper one below.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html
    """
    assert "ExactCapacity" == scaling["AdjustmentType"]
    beyond = value - alarm["Threshold"]
    is_above = alarm["ComparisonOperator"].startswith("Greater")
    (agents,) = [
        step["ScalingAdjustment"]
        for step in scaling["StepAdjustments"]
        for lower, upper in [
            (step.get("MetricIntervalLowerBound", -math.inf), step.get("MetricIntervalUpperBound", math.inf))
        ]
        if (lower <= beyond < upper if is_above else lower < beyond <= upper)
    ]
    return int(agents)


def test_agents_are_counted_by_what_the_tick_writes(
    synthesize: Synthesize, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The alarms that scale the agents name metrics of their pool as the tick does: same namespace, same dimensions."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", METRICS_NAMESPACE)
    monkeypatch.setenv("ALISIO_STAGE", "dev")
    emit_gauges([PoolGauge("cloud", due=1, running=2, late=0, oldest_due_seconds=0)])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    written = {
        (entry["Namespace"], metric["Name"], *sorted((name, line[name]) for name in entry["Dimensions"][0]))
        for line in lines
        for entry in line["_aws"]["CloudWatchMetrics"]
        for metric in entry["Metrics"]
    }
    read = {
        (metric["Namespace"], metric["MetricName"], *sorted((d["Name"], d["Value"]) for d in metric["Dimensions"]))
        for alarm in synthesize("dev").resources("AWS::CloudWatch::Alarm")
        for query in alarm.get("Metrics", ())
        if (metric := query.get("MetricStat", {}).get("Metric")) is not None
    }
    pool = (("pool", "cloud"), ("stage", "dev"))
    assert {(METRICS_NAMESPACE, name, *pool) for name in ("DueRuns", "RunningRuns")} == read
    assert read <= written


def test_a_proxy_stands_between_functions_and_database(synthesize: Synthesize) -> None:
    """Where a stage wants one, functions are told its address, it asks for TLS, and only it reaches the database."""
    made = synthesize(OPTIONS.name)
    (proxy,) = made.resources("AWS::RDS::DBProxy")
    assert proxy["RequireTLS"]
    api = _function(made, OPTIONS.name, "api")
    assert "ALISIO_DATABASE_HOST" in api["Environment"]["Variables"]
    rules = made.resources("AWS::EC2::SecurityGroupIngress")
    (rule,) = [rule for rule in rules if "InstanceSecurityGroup" in json.dumps(rule["GroupId"])]
    assert "ProxyGroup" in json.dumps(rule["SourceSecurityGroupId"])


def test_with_nat_gateways_there_are_no_interface_endpoints(synthesize: Synthesize) -> None:
    """Functions and agents then stand in private subnets behind them, and nothing is paid twice."""
    made = synthesize(OPTIONS.name)
    assert 2 == len(made.resources("AWS::EC2::NatGateway"))
    assert ["Gateway"] == [endpoint["VpcEndpointType"] for endpoint in made.resources("AWS::EC2::VPCEndpoint")]
    (service,) = made.resources("AWS::ECS::Service")
    assert "DISABLED" == service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"]
    assert "FARGATE_SPOT" == service["CapacityProviderStrategy"][0]["CapacityProvider"]


@each_stage
def test_cfn_lint_accepts_the_templates(stage: str, synthesize: Synthesize) -> None:
    """CloudFormation's own schemas have nothing against them."""
    folder = synthesize(stage).folder
    templates = [str(folder / f"{name}.template.json") for name in synthesize(stage).templates]
    ended = subprocess.run(
        [
            Path(sys.executable).with_name("cfn-lint"),
            "--regions",
            "eu-west-1",
            "--ignore-checks",
            LINT_IGNORES,
            "--",
            *templates,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (ended.returncode, ended.stdout + ended.stderr)
