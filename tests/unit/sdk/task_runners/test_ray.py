"""What is particular to Ray: options of its own, and an instance of its own."""

from __future__ import annotations

from typing import Any

import pytest

from alisio import flow, task
from tests.unit.sdk.conftest import MemoryServer
from tests.unit.sdk.task_runners.conftest import needs


def test_remote_options(server: MemoryServer, ray_instance: Any) -> None:
    """What Ray is to know of a task is said around its submission, and laid over what is said further out."""
    from alisio_ray.context import remote_options
    from alisio_ray.task_runners import RayTaskRunner

    @task
    def resources() -> dict[str, float]:
        assigned = ray_instance.get_runtime_context().get_assigned_resources()
        return {"CPU": float(assigned["CPU"])}

    @flow(task_runner=RayTaskRunner())
    def asks() -> Any:
        with remote_options(num_cpus=1), remote_options(num_cpus=2):
            return {"two": resources.submit().result()}

    assert {"two": {"CPU": 2.0}} == asks()


def test_an_address_given_twice() -> None:
    """The address is said once."""
    needs("ray", "ray")
    from alisio.task_runners import RayTaskRunner

    with pytest.raises(ValueError, match="address is given twice"):
        RayTaskRunner("ray://x", init_kwargs={"address": "ray://y"})


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ray is not installed, the error says how to install it."""
    from alisio.task_runners import RayTaskRunner

    monkeypatch.setattr("alisio.task_runners.ray.find_spec", lambda _name: None)
    with pytest.raises(ImportError, match=r"pip install 'alisio\[ray\]'"):
        RayTaskRunner()
