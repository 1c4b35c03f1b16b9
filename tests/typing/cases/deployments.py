"""Deployments: what makes them, serves them, and runs them."""

from typing import assert_type
from uuid import UUID

from alisio import deploy, flow, serve
from alisio.contract.runs import FlowRun
from alisio.deployments import RunnerDeployment, arun_deployment, run_deployment


@flow
def etl(day: str) -> int:
    return len(day)


def all_of_them() -> None:
    assert_type(etl.to_deployment("daily", cron="0 6 * * *"), RunnerDeployment)
    assert_type(etl.deploy("daily", work_pool_name="pool", parameters={"day": "Monday"}), UUID)
    assert_type(deploy(etl.to_deployment("daily"), work_pool_name="pool"), list[UUID])
    etl.serve("daily", limit=2, interval=60)
    serve(etl.to_deployment("daily"), limit=2)
    run_deployment("etl/daily", parameters={"day": "Monday"}, timeout=0)

    etl.serve("daily", crom="0 6 * * *")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    etl.deploy("daily", work_pool_name=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    serve(etl)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    run_deployment(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def all_of_them_async() -> None:
    assert_type(await arun_deployment("etl/daily"), FlowRun)
