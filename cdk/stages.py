"""The stages: everything that differs between `dev`, `prod` and `local`, as typed settings.

A part that a stage does without is None in its settings; nothing else in this app asks which stage it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Architecture = Literal["arm64", "host"]

SPARE_CONNECTIONS = 10
"""Database connections left to people, backups and the database itself."""
LOCAL_DATABASE_URL = "postgresql://alisio:alisio@127.0.0.1:5432/alisio"


@dataclass(frozen=True)
class NetworkSettings:
    """The virtual network, which lies in two availability zones.

    Attributes:
        nat_gateways: How many there are. With none, functions reach AWS through interface endpoints alone, and agents
            stand in public subnets, with a security group that lets nobody in.
        endpoint_zones: In how many zones each interface endpoint stands, where there are no NAT gateways.
        flow_logs: Whether the traffic that was refused is logged.
    """

    nat_gateways: int = 0
    endpoint_zones: int = 1
    flow_logs: bool = False


@dataclass(frozen=True)
class DatabaseSettings:
    """The PostgreSQL instance.

    Attributes:
        instance_class: Without `db.`.
        storage_gib: At first.
        max_storage_gib: Up to which it grows by itself.
        max_connections: As many as the instance takes at once.
        multi_zone: Whether a second instance stands by in another zone.
        backup_days: How long the daily backups are kept, and how far back a restore may go.
        protected: Whether it refuses to be deleted, and leaves a snapshot.
        proxy: Whether RDS Proxy stands before it.
    """

    instance_class: str = "t4g.micro"
    storage_gib: int = 20
    max_storage_gib: int = 100
    max_connections: int = 100
    multi_zone: bool = False
    backup_days: int = 1
    protected: bool = False
    proxy: bool = False


@dataclass(frozen=True)
class FunctionSettings:
    """The Lambda functions.

    Attributes:
        architecture: For which processors their code is installed; `host` is the machine that deploys.
        snap_start: Whether versions start from a snapshot of their initialised state.
        traced: Whether X-Ray follows requests.
        api_concurrency: How many requests are answered at once; None: as many as the account allows, since an account
            that is new allows ten in all, of which none can be reserved.
        tick_concurrency: How many entries of schedules, and ticks, are worked at once; None: as `api_concurrency`. Many
            schedules that fall due at one time must not take all connections of the database.
        log_days: How long logs are kept.
        log_level: From which level on they are written.
    """

    architecture: Architecture = "arm64"
    snap_start: bool = True
    traced: bool = True
    api_concurrency: int | None = None
    tick_concurrency: int | None = None
    log_days: int = 14
    log_level: str = "INFO"


@dataclass(frozen=True)
class ApiSettings:
    """The HTTP API.

    Attributes:
        requests_per_second: Above which it answers 429, in the long run.
        burst: How many it takes at once. Where `api_concurrency` is None it is this that keeps requests from taking
            more connections than the database has.
    """

    requests_per_second: int = 200
    burst: int = 80


@dataclass(frozen=True)
class AgentSettings:
    """The agents on Fargate.

    Attributes:
        pool: The work pool that they serve.
        runs_each: How many flow runs one of them takes at once.
        most: How many there are at most; with nothing due or running there is none.
        cpu: Units of 1/1024 processor each.
        memory_mib: Memory each.
        spot: Whether they stand on spare capacity, which AWS takes back with two minutes' notice.
    """

    pool: str = "cloud"
    runs_each: int = 5
    most: int = 4
    cpu: int = 1024
    memory_mib: int = 2048
    spot: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that nothing could run with."""
        if self.runs_each < 1 or self.most < 1:
            raise ValueError("runs_each and most of the agents are 1 at least")


@dataclass(frozen=True)
class RetentionSettings:
    """How many days what is over is kept.

    Attributes:
        flow_runs: Ended flow runs with all that is of them.
        task_runs: The task runs of ended flow runs.
        logs: The log lines of ended flow runs.
        audit_log: The entries of the audit log.
        results: Stored results, in the bucket.
    """

    flow_runs: int = 365
    task_runs: int = 90
    logs: int = 30
    audit_log: int = 365
    results: int = 90


@dataclass(frozen=True)
class Stage:
    """One installation of Alisio in an account and a region.

    Attributes:
        name: What the names of its stacks and resources carry.
        network: None: the functions stand in no network of their own.
        database: None: the functions are told of a database that exists, in `database_url`.
        functions: The Lambda functions.
        api: The HTTP API.
        agents: None: agents run elsewhere.
        ui: Whether the web page is served.
        retention: How long what is over is kept.
        keeps_data: Whether bucket, keys and logs stay when the stacks are destroyed.
        alarm_email: Who is told of alarms; None: nobody, they are seen in the console.
        database_url: Where `database` is None.
    """

    name: str
    network: NetworkSettings | None = field(default_factory=NetworkSettings)
    database: DatabaseSettings | None = field(default_factory=DatabaseSettings)
    functions: FunctionSettings = field(default_factory=FunctionSettings)
    api: ApiSettings = field(default_factory=ApiSettings)
    agents: AgentSettings | None = field(default_factory=AgentSettings)
    ui: bool = True
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    keeps_data: bool = False
    alarm_email: str | None = None
    database_url: str | None = None

    def __post_init__(self) -> None:
        """Refuse parts that do not fit each other."""
        if not self.name.isalnum():
            raise ValueError(f"a stage's name is of letters and digits, or it could begin another's: {self.name!r}")
        if (self.database is None) == (self.database_url is None):
            raise ValueError(f"stage {self.name} needs either a database of its own or a database_url")
        if self.network is None and (self.database is not None or self.agents is not None):
            raise ValueError(f"stage {self.name} has a database or agents, and no network for them to stand in")
        self._check_connections()

    @property
    def prefix(self) -> str:
        """What the names of its stacks, functions and queues begin with."""
        return f"alisio-{self.name}"

    def _check_connections(self) -> None:
        # Each environment of a function holds one connection; a proxy shares them out.
        functions = self.functions
        if self.database is None or self.database.proxy or functions.api_concurrency is None:
            return
        concurrency = functions.api_concurrency + (functions.tick_concurrency or 0)
        room = self.database.max_connections - SPARE_CONNECTIONS
        if concurrency > room:
            raise ValueError(
                f"stage {self.name} answers {concurrency} requests and entries at once, each on a connection of its "
                f"own, and its database has room for {room}: lower api_concurrency, raise max_connections or set proxy"
            )


STAGES = {
    stage.name: stage
    for stage in (
        Stage("dev"),
        Stage(
            "prod",
            network=NetworkSettings(nat_gateways=1, flow_logs=True),
            database=DatabaseSettings(
                instance_class="m7g.large",
                storage_gib=100,
                max_storage_gib=1000,
                max_connections=400,
                multi_zone=True,
                backup_days=14,
                protected=True,
            ),
            functions=FunctionSettings(api_concurrency=200, tick_concurrency=20, log_days=90),
            api=ApiSettings(requests_per_second=2000, burst=4000),
            agents=AgentSettings(most=20),
            keeps_data=True,
        ),
        Stage(
            "local",
            network=None,
            database=None,
            functions=FunctionSettings(architecture="host", snap_start=False, traced=False, log_days=1),
            api=ApiSettings(requests_per_second=10_000, burst=10_000),
            agents=None,
            ui=False,
            database_url=LOCAL_DATABASE_URL,
        ),
    )
}


def find_stage(name: str, *, database_url: str | None = None, alarm_email: str | None = None) -> Stage:
    """Tell the settings of a stage.

    Args:
        name: One of `STAGES`.
        database_url: Where the database of a stage is that makes none itself.
        alarm_email: Who is told of alarms.

    Raises:
        ValueError: There is no such stage, or it makes its database itself.
    """
    if name not in STAGES:
        raise ValueError(f"there is no stage {name!r}: take one of {', '.join(STAGES)}, or add it to cdk/stages.py")
    stage = STAGES[name]
    if database_url is not None:
        stage = replace(stage, database_url=database_url)
    if alarm_email is not None:
        stage = replace(stage, alarm_email=alarm_email)
    return stage
