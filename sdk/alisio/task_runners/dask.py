"""Tasks on a Dask cluster: `pip install 'alisio[dask]'`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from alisio.engine.effects import TimeIsUpError
from alisio.exceptions import WorkerLostError
from alisio.task_runners.remote import GRACE_SECONDS, RemoteTaskRunner

if TYPE_CHECKING:
    from distributed import Client

    from alisio.engine.remote.jobs import Job
    from alisio.engine.remote.news import Listener
    from alisio.engine.remote.worker import Answer
    from alisio.engine.runs import TaskRun

LOOK_SECONDS = 0.5
"""How often the number of the cluster's threads is asked for, and hanging jobs are looked for."""

SCATTER_BYTES = 100_000
"""Beyond this, what is known of the flow run is sent to the cluster once, and not with each task."""


class DaskTaskRunner(RemoteTaskRunner):
    """Runs submitted tasks on a Dask cluster.

    Where no cluster is given, each flow run starts one of its own with its first submitted task, and ends it.

    Args:
        cluster: A cluster that runs.
        address: The address of the scheduler of a cluster that runs, such as `tcp://192.0.2.1:8786`.
        cluster_class: What makes a flow run's own cluster: a class, a function, or where it is, as
            `package.module.Class`; by default `distributed.LocalCluster`.
        cluster_kwargs: What it is called with.
        adapt_kwargs: With what the own cluster's `adapt` is called, such as `{"minimum": 1, "maximum": 10}`; without
            them it does not change its size.
        client_kwargs: What the `distributed.Client` is made with.
        performance_report_path: The file that Dask's performance report is written to; that needs Bokeh.
        client: A client of the user's own, whose cluster is used; nothing of it is closed.

    Raises:
        ImportError: Dask is not installed.
        ValueError: Options are given that exclude each other.
    """

    def __init__(
        self,
        cluster: Any = None,
        address: str | None = None,
        cluster_class: str | Callable[..., Any] | None = None,
        cluster_kwargs: Mapping[str, Any] | None = None,
        adapt_kwargs: Mapping[str, Any] | None = None,
        client_kwargs: Mapping[str, Any] | None = None,
        performance_report_path: str | None = None,
        *,
        client: Client | None = None,
    ) -> None:
        super().__init__()
        if find_spec("distributed") is None:
            raise ImportError("DaskTaskRunner needs Dask: install it with `pip install 'alisio[dask]'`")
        # The parameters, and nothing else: what `duplicate` and pickles make another one with.
        self._options = {
            "cluster": cluster, "address": address, "cluster_class": cluster_class, "cluster_kwargs": cluster_kwargs,
            "adapt_kwargs": adapt_kwargs, "client_kwargs": client_kwargs,
            "performance_report_path": performance_report_path, "client": client,
        }  # fmt: skip
        self._make_ready()

    def _make_ready(self) -> None:
        self._check_options()
        self._resources = ExitStack()
        self._client: Client | None = None
        self._threads = 0
        self._topic = f"alisio-{uuid4().hex}"
        self._jobs: dict[str, _RunningJob] = {}
        self._stopped = threading.Event()
        self._scattered: tuple[bytes, Any] | None = None

    def duplicate(self) -> Self:
        """Make another one with the same options, for one flow run."""
        return type(self)(**self._options)

    def __reduce__(self) -> tuple[Any, ...]:
        # Clusters and clients stay where they are; a flow that runs within a task on a worker is given its own.
        options = {**self._options, "client": None, "cluster": None}
        return _made, (type(self), options)

    @property
    def client(self) -> Client:
        """The client of the flow run's cluster; the cluster is started where it is not yet.

        Raises:
            WorkerLostError: It cannot be started.
        """
        self.prepare()
        assert self._client is not None
        return self._client

    def _check_options(self) -> None:
        given = [name for name in ("cluster", "address", "client", "cluster_class") if self._options[name] is not None]
        if len(given) > 1:
            raise ValueError(f"DaskTaskRunner: {given[0]} and {given[1]} exclude each other: both say where to run")
        for name in ("cluster_kwargs", "adapt_kwargs"):
            if self._options[name] is not None and given and given[0] != "cluster_class":
                raise ValueError(f"DaskTaskRunner: {name} are for a cluster of its own, not for a given {given[0]}")
        if self._options["client"] is not None and self._options["client_kwargs"] is not None:
            raise ValueError("DaskTaskRunner: client_kwargs are for a client of its own, not for a given client")

    def _open(self) -> None:
        from distributed import Client, performance_report

        from alisio.task_runners.dask_cluster import OneTry

        try:
            client: Client | None = self._options["client"]
            if client is None:
                target = self._options["cluster"] or self._options["address"] or self._own_cluster()
                client = Client(target, **{"set_as_default": False, **(self._options["client_kwargs"] or {})})
                self._resources.callback(_quietly, client.close)
            client.register_plugin(OneTry())
            client.subscribe_topic(self._topic, self._on_event)
            self._resources.callback(_quietly, client.unsubscribe_topic, self._topic)
            if self._options["performance_report_path"] is not None:
                self._resources.enter_context(client.as_current())
                self._resources.enter_context(performance_report(filename=self._options["performance_report_path"]))
            self._client = client
            self._look()
        except BaseException:
            self._resources.close()
            raise
        threading.Thread(target=self._keep_looking, name="alisio-dask", daemon=True).start()

    def _own_cluster(self) -> Any:
        made_by = self._options["cluster_class"] or "distributed.LocalCluster"
        kwargs = dict(self._options["cluster_kwargs"] or {})
        if made_by == "distributed.LocalCluster":
            kwargs.setdefault("dashboard_address", "127.0.0.1:0")
        cluster = (_imported(made_by) if isinstance(made_by, str) else made_by)(**kwargs)
        self._resources.callback(_quietly, cluster.close)
        if self._options["adapt_kwargs"] is not None:
            cluster.adapt(**self._options["adapt_kwargs"])
        return cluster

    def _places(self) -> int:
        # Some jobs wait at the cluster, so that no thread there waits for the next one; and a cluster that adapts
        # itself grows only where it sees jobs wait.
        grows = self._options["adapt_kwargs"] is not None
        return max(2 * self._threads, 4) if grows else self._threads + max(self._threads // 4, 1)

    def _keep_looking(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            with suppress(Exception):  # where the cluster is gone, those who wait for its answers hear of that
                self._look()
            admission = self._admission
            if admission is not None:
                admission.admit()

    def _look(self) -> None:
        assert self._client is not None
        self._threads = sum(self._client.nthreads().values())

    def _work(self, job: Job, listener: Listener, run: TaskRun, timeout: float | None) -> Answer:
        from alisio.task_runners.dask_cluster import PREFIX, work

        assert self._client is not None
        id_ = uuid4().hex
        running = self._jobs[id_] = _RunningJob(listener)
        try:
            running.future = self._client.submit(
                work,
                self._flow_for(job),
                job.task,
                job.call,
                self._topic,
                id_,
                key=f"{PREFIX}{run.definition.name}-{id_}",
                pure=False,
                retries=0,
            )
            answer, tail = running.wait(timeout)
        except TimeIsUpError:
            raise
        except BaseException as error:
            if self._closed:
                raise WorkerLostError("its flow run has ended") from None
            raise WorkerLostError(_what_happened(error)) from error
        finally:
            del self._jobs[id_]
        listener.take_rest(tail)
        result: Answer = answer
        return result

    def _flow_for(self, job: Job) -> Any:
        if len(job.flow) < SCATTER_BYTES or self._client is None:
            return job.flow
        with self._opening:
            if self._scattered is None or self._scattered[0] is not job.flow:
                self._scattered = job.flow, self._client.scatter(job.flow)
            return self._scattered[1]

    def _on_event(self, event: tuple[float, Any]) -> None:
        message = event[1]
        running = self._jobs.get(message["job"])
        if running is None:
            return
        if message["number"] == 0:
            running.begin()
        else:
            running.listener.take(message["number"], message["frame"])

    def _close(self) -> None:
        from alisio.task_runners.dask_cluster import interrupt

        self._stopped.set()
        left = dict(self._jobs)
        if left and self._client is not None:
            _quietly(self._client.run, interrupt, list(left), wait=False, on_error="ignore")
            _quietly(self._client.cancel, [each.future for each in left.values() if each.future is not None])
        _quietly(self._resources.close)


class _RunningJob:
    """A job on its way."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.future: Any = None
        self._begun = threading.Event()

    def begin(self) -> None:
        """Note that a worker has begun it."""
        self.listener.begun()
        self._begun.set()

    def wait(self, timeout: float | None) -> Any:
        """Wait for the answer; where it takes longer than its time, though the worker sees to that, not for ever."""
        if timeout is None:
            return self.future.result()
        while True:
            begun = self._begun.is_set()
            with suppress(TimeoutError):
                return self.future.result(timeout=timeout + GRACE_SECONDS if begun else LOOK_SECONDS)
            if begun:
                raise TimeIsUpError


def _made(cls: type[DaskTaskRunner], options: dict[str, Any]) -> DaskTaskRunner:
    return cls(**options)


def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def _what_happened(error: BaseException) -> str:
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        return f"its Dask worker {getattr(error.last_worker, 'address', '')} died before the task had ended"
    text = " ".join(str(error).split()) or type(error).__name__
    return f"the Dask cluster gave no answer: {text}"


def _quietly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call what ends something that may be gone already."""
    with suppress(Exception):
        function(*args, **kwargs)
