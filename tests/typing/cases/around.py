"""What stands around flows and tasks: transactions, blocks, states, limits, variables, inputs."""

from typing import Self, assert_type
from uuid import UUID

from pydantic import SecretStr

from alisio import State, flow, get_run_logger, tags, task
from alisio.blocks.core import Block
from alisio.concurrency.asyncio import concurrency as aconcurrency
from alisio.concurrency.sync import concurrency, rate_limit
from alisio.engine.transactions import AsyncTransaction, BaseTransaction, Transaction
from alisio.runtime import flow_run
from alisio.states import Completed, Failed
from alisio.transactions import CommitMode, atransaction, get_transaction, transaction


class Mailbox(Block):
    host: str
    password: SecretStr

    def opened(self) -> Self:
        return self


@task
def write(n: int) -> None: ...


@write.on_rollback
def undo(txn: BaseTransaction) -> str:
    return str(txn.get("n"))


@flow
def around() -> State[None]:
    with transaction(key="k", commit_mode=CommitMode.EAGER) as txn:
        assert_type(txn, Transaction)
        txn.set("n", 1)
        assert_type(txn.is_committed(), bool)
    assert_type(get_transaction(), BaseTransaction | None)
    with concurrency("database", occupy=1, timeout_seconds=3), tags("a", "b"):
        rate_limit("api")
        get_run_logger().info("%s", flow_run.name)
    return Completed(message="done") if flow_run.name else Failed()


def blocks() -> None:
    box = Mailbox(host="mail", password=SecretStr("p"))
    assert_type(box.save("mine", overwrite=True), UUID)
    assert_type(Mailbox.load("mine"), Mailbox)
    assert_type(Mailbox.load("mine").opened().password.get_secret_value(), str)

    Mailbox.load(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Mailbox.load("mine").port  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


async def around_async() -> None:
    async with atransaction() as txn:
        assert_type(txn, AsyncTransaction)
    async with aconcurrency(["a", "b"]):
        assert_type(await Mailbox.aload("mine"), Mailbox)

    with atransaction():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass


transaction(key=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
