"""Models of what runs are given: when they are resumed, or sent to them while they run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, create_model

from alisio.client import open_client
from alisio.context import current_flow_run
from alisio.contract.control import FlowRunInput, FlowRunInputCreate
from alisio.contract.ids import flow_run_id_of, new_id
from alisio.engine.effects import Block
from alisio.engine.either import Core, awaited, either
from alisio.engine.pausing import known
from alisio.input.value_types import json_of, name_of, type_of

if TYPE_CHECKING:
    from alisio.client import Client
    from alisio.input.receiving import InputReceiver

__all__ = [
    "AutomaticRunInput",
    "RunInput",
    "RunInputMetadata",
    "asend_input",
    "receive_input",
    "run_input_subclass_from_type",
    "send_input",
]

T = TypeVar("T")
RECEIVE_SECONDS = 3_600.0
RECEIVE_POLL_SECONDS = 10.0
_SENDER = "alisio.flow-run."


class RunInputMetadata(BaseModel):
    """Where an input comes from.

    Attributes:
        key: Its name among those of the run, to leave it out another time.
        sender: Who sent it, as `respond` needs it.
        receiver: The run that it was sent to.
    """

    key: str
    sender: str | None = None
    receiver: UUID


class RunInput(BaseModel):
    """Base of the models of what a run can be given. Fields, types and defaults are those of pydantic."""

    model_config = ConfigDict(extra="forbid")

    _description: ClassVar[str | None] = None
    _metadata: RunInputMetadata | None = None

    @property
    def metadata(self) -> RunInputMetadata:
        """Where it comes from.

        Raises:
            RuntimeError: It was not received, but made here.
        """
        if self._metadata is None:
            raise RuntimeError(f"this {type(self).__name__} was not received, so it has no metadata")
        return self._metadata

    @classmethod
    def with_initial_data(cls, description: str | None = None, **initial: Any) -> type[Self]:
        """Make the same kind of input with other defaults, for the form that asks for it.

        Args:
            description: Markdown for whoever fills in the form.
            initial: Defaults by the names of fields.

        Raises:
            ValueError: There is no such field.
        """
        fields: dict[str, Any] = {}
        for name, value in initial.items():
            if name not in cls.model_fields:
                raise ValueError(f"{cls.__name__} has no field {name!r}; there are: {', '.join(cls.model_fields)}")
            field = copy.copy(cls.model_fields[name])
            field.default, field.default_factory = value, None
            fields[name] = (field.annotation, field)
        made: type[Self] = create_model(cls.__name__, __base__=cls, __module__=cls.__module__, **fields)
        if description is not None:
            made._description = description
        return made

    @classmethod
    def shown_description(cls) -> str | None:
        """Give the Markdown for whoever fills in the form."""
        return cls._description

    @classmethod
    def received(cls, data: Mapping[str, Any]) -> Any:
        """Make of data what the flow's code is given.

        Raises:
            pydantic.ValidationError: They do not fit.
        """
        return cls.model_validate(dict(data))

    @classmethod
    def from_stored(cls, stored: FlowRunInput) -> Self:
        """Make an input of one that the server keeps."""
        made = cls.model_validate_json(stored.value)
        made._metadata = RunInputMetadata(key=stored.key, sender=stored.sender, receiver=stored.flow_run_id)
        return made

    @classmethod
    def default_key_prefix(cls) -> str:
        """Give the prefix of the keys of what is sent of this kind."""
        return cls.__name__.lower()

    @classmethod
    def receive(
        cls,
        timeout: float | None = RECEIVE_SECONDS,
        poll_interval: float = RECEIVE_POLL_SECONDS,
        raise_timeout_error: bool = False,
        exclude_keys: Iterable[str] | None = None,
        key_prefix: str | None = None,
        flow_run_id: UUID | str | None = None,
    ) -> InputReceiver[Self]:
        """Receive what is sent of this kind; see `receive_input`."""
        from alisio.input.receiving import InputReceiver

        prefix = key_prefix or cls.default_key_prefix()
        return InputReceiver(
            cls.from_stored, prefix, flow_run_id, timeout, poll_interval, raise_timeout_error, exclude_keys
        )

    def send_to(self, flow_run_id: UUID | str, sender: str | None = None, key_prefix: str | None = None) -> Any:
        """Send it to a run; in asynchronous code, to be awaited. See `send_input`."""
        return either(_sending(self, flow_run_id, sender, key_prefix))

    def asend_to(
        self, flow_run_id: UUID | str, sender: str | None = None, key_prefix: str | None = None
    ) -> Coroutine[Any, Any, None]:
        """Do what `send_to` does; always to be awaited."""
        return awaited(_sending(self, flow_run_id, sender, key_prefix))

    def respond(self, run_input: Any, sender: str | None = None, key_prefix: str | None = None) -> Any:
        """Send something to the run that has sent this one; in asynchronous code, to be awaited.

        Raises:
            RuntimeError: No run has sent it.
        """
        return either(_sending(run_input, self._sending_run(), sender, key_prefix))

    def arespond(
        self, run_input: Any, sender: str | None = None, key_prefix: str | None = None
    ) -> Coroutine[Any, Any, None]:
        """Do what `respond` does; always to be awaited."""
        return awaited(_sending(run_input, self._sending_run(), sender, key_prefix))

    def _sending_run(self) -> str:
        sender = self.metadata.sender
        if sender is None or not sender.startswith(_SENDER):
            raise RuntimeError("this input cannot be responded to: it was not sent by a flow run")
        return sender.removeprefix(_SENDER)


class AutomaticRunInput(RunInput, Generic[T]):
    """An input of a type that is no model: `value` holds it."""

    value: T

    @classmethod
    def received(cls, data: Mapping[str, Any]) -> Any:
        """Make of data what the flow's code is given: the value itself."""
        return cls.model_validate(dict(data)).value

    @classmethod
    def default_key_prefix(cls) -> str:
        """Give the prefix of the keys of what is sent of this kind."""
        return f"{cls.__name__.lower()}-auto"


def run_input_subclass_from_type(kind: Any) -> type[RunInput]:
    """Make a kind of input of a type.

    Args:
        kind: A `RunInput`, any other model of pydantic, or any type that a field of a model can have.

    Raises:
        TypeError: No field can have this type.
    """
    if isinstance(kind, type) and issubclass(kind, RunInput):
        return kind
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return type(kind.__name__, (RunInput, kind), {"__module__": kind.__module__, "__doc__": kind.__doc__})
    try:
        made: type[RunInput] = create_model(name_of(kind), __base__=AutomaticRunInput, value=(kind, ...))
        made.model_json_schema()
    except Exception as error:
        raise TypeError(f"{kind!r} is no type that a run can be given: {error}") from error
    return made


def receive_input(
    input_type: Any,
    timeout: float | None = RECEIVE_SECONDS,
    poll_interval: float = RECEIVE_POLL_SECONDS,
    raise_timeout_error: bool = False,
    exclude_keys: Iterable[str] | None = None,
    key_prefix: str | None = None,
    flow_run_id: UUID | str | None = None,
    with_metadata: bool = False,
) -> InputReceiver[Any]:
    """Receive what is sent to a flow run, from the first one on.

    Args:
        input_type: What is received: a `RunInput`, another model, or a type. The sender must send the same.
        timeout: How many seconds to wait for each; None: for ever.
        poll_interval: How many seconds to let pass between looks.
        raise_timeout_error: Whether a loop raises `TimeoutError` when none comes in time, in place of ending.
        exclude_keys: Keys of inputs that are not wanted again.
        key_prefix: In place of the one that the type has.
        flow_run_id: The run; by default the one whose code calls this.
        with_metadata: Of a type that is no model, give the `RunInput`, whose `value` it is.

    Returns:
        What is iterated over, by `for` or `async for`, and has `next()`.

    Raises:
        MissingContextError: No run is named, and none runs here.
    """
    from alisio.input.receiving import InputReceiver

    kind = run_input_subclass_from_type(input_type)
    build: Callable[[FlowRunInput], Any] = kind.from_stored
    if issubclass(kind, AutomaticRunInput) and kind is not input_type and not with_metadata:
        automatic = kind
        build = lambda stored: automatic.from_stored(stored).value  # noqa: E731
    prefix = key_prefix or kind.default_key_prefix()
    return InputReceiver(build, prefix, flow_run_id, timeout, poll_interval, raise_timeout_error, exclude_keys)


def send_input(
    run_input: Any, flow_run_id: UUID | str, sender: str | None = None, key_prefix: str | None = None
) -> Any:
    """Send something to a flow run, which receives it when it asks for it, now or later.

    In asynchronous code it gives what is to be awaited.

    Args:
        run_input: A `RunInput`, another model, or a value that JSON has.
        flow_run_id: The run.
        sender: Who it comes from; by default the run whose code calls this, so that it can be responded to.
        key_prefix: In place of the one that the type has.

    Raises:
        NotFoundError: There is no such run.
    """
    return either(_sending(run_input, flow_run_id, sender, key_prefix))


def asend_input(
    run_input: Any, flow_run_id: UUID | str, sender: str | None = None, key_prefix: str | None = None
) -> Coroutine[Any, Any, None]:
    """Do what `send_input` does; always to be awaited."""
    return awaited(_sending(run_input, flow_run_id, sender, key_prefix))


def _sending(run_input: Any, flow_run_id: UUID | str, sender: str | None, key_prefix: str | None) -> Core[None]:
    made = _as_run_input(run_input)
    here = current_flow_run.get()
    sent = FlowRunInputCreate(
        key=f"{key_prefix or made.default_key_prefix()}-{new_id()}",
        value=json_of(made),
        sender=sender or (None if here is None else f"{_SENDER}{here.id}"),
    )
    if here is not None and str(flow_run_id) in (str(here.id), str(here.root.id)):
        yield from known(here.root)
    client: Client = yield Block(open_client)
    try:
        yield Block(partial(client.send_flow_run_input, flow_run_id_of(flow_run_id), sent))
    finally:
        client.close()


def _as_run_input(value: Any) -> RunInput:
    if isinstance(value, RunInput):
        return value
    if isinstance(value, BaseModel):
        return run_input_subclass_from_type(type(value)).model_validate(value.model_dump())
    return run_input_subclass_from_type(type_of(value)).model_validate({"value": value})
