"""Flows: `@flow` and what it makes of a function."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from alisio.deployments.flow_methods import DeploymentMethods
from alisio.engine import option_checks as checks
from alisio.engine.definition import Definition, H, file_version
from alisio.engine.jsonable import clean_text
from alisio.options import FLOW_HOOKS, FlowOptions
from alisio.results.options import ResultKeywords

if TYPE_CHECKING:
    from alisio.decorators import FlowDecorator
    from alisio.states import State
    from alisio.task_runners.base import TaskRunner
    from alisio.utilities.callables import ParameterSchema

P = ParamSpec("P")
Q = ParamSpec("Q")
Owner = TypeVar("Owner")
R = TypeVar("R", covariant=True)  # so that what a checker calls a coroutine is a `Coroutine` to the overloads
T = TypeVar("T")

_NAME = re.compile(r"[^/%&<>\x00-\x1f]{1,200}")


class Flow(Definition, DeploymentMethods, Generic[P, R]):
    """A function whose runs are recorded. `@flow` makes it.

    Args:
        fn: The function: synchronous, asynchronous or a generator; a class method or a static method too.
        options: See `FlowOptions`.

    Raises:
        TypeError: It is no function, or there is no such option.
        ValueError: An option cannot be used.
    """

    kind = "flow"
    hook_options = FLOW_HOOKS
    own_options = frozenset(FlowOptions.__annotations__) - frozenset(ResultKeywords.__annotations__)

    def __init__(
        self, fn: Callable[P, R] | classmethod[Any, P, R] | staticmethod[P, R], **options: Unpack[FlowOptions]
    ) -> None:
        super().__init__(fn, options)
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot be a flow's name: 1 to 200 characters, none of / % & < >")
        validates = checks.checked_flag(self.label, "validate_parameters", options.get("validate_parameters"))
        self.should_validate_parameters = validates is not False
        self._task_runner = _checked_task_runner(self.label, options.get("task_runner"))
        version = checks.checked_text(self.label, "version", options.get("version"))
        self._version = version and clean_text(version, 200)

    @overload
    def __call__(
        self: Flow[P, Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> Coroutine[Any, Any, State[T]]: ...

    @overload
    def __call__(
        self: Flow[P, AsyncIterator[T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> Coroutine[Any, Any, State[list[T]]]: ...

    @overload
    def __call__(
        self: Flow[P, Iterator[T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> State[list[T]]: ...

    @overload
    def __call__(self: Flow[P, R], *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R]: ...

    @overload
    def __call__(self: Flow[P, R], *args: Any, wait_for: Iterable[Any], **kwargs: Any) -> R: ...

    @overload
    def __call__(self: Flow[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the flow; an asynchronous one must be awaited.

        Besides the function's own parameters it takes `return_state` (give the final state, in place of the
        result) and `wait_for` (futures that must have completed first).

        Returns:
            What the function returned.

        Raises:
            ParameterError: The arguments don't fit.
            Exception: What the function raised.
            RunError: The run ended without a result or an exception of its own.
        """
        from alisio.engine.calls import call_flow

        return call_flow(self, args, kwargs)

    if TYPE_CHECKING:  # a class method, a method, and what else a class may hold

        @overload
        def __get__(
            self: Flow[Concatenate[type[Owner], Q], R], instance: Owner | None, owner: type[Owner]
        ) -> Flow[Q, R]: ...

        @overload
        def __get__(self: Flow[Concatenate[Owner, Q], R], instance: Owner, owner: type[Owner]) -> Flow[Q, R]: ...

        @overload
        def __get__(self, instance: object, owner: type | None = None) -> Self: ...

        def __get__(self, instance: object, owner: type | None = None) -> Any: ...

    @property
    def version(self) -> str:
        """Its version: the one it was given, else the first digits of the sha256 of its file, else `unknown`."""
        if self._version is None:
            self._version = file_version(self.fn)
        return self._version

    @property
    def task_runner(self) -> TaskRunner:
        """How its submitted tasks run; each flow run uses a duplicate."""
        if self._task_runner is None:
            from alisio.task_runners.threads import ThreadPoolTaskRunner

            self._task_runner = ThreadPoolTaskRunner()
        return self._task_runner

    def retry_facts(self) -> dict[str, Any]:
        """Give what a run of it tells of its retries when it begins, as `RunFacts` of the contract has it."""
        return {"retries": self.retries, "retry_delays": list(self.retry_delays)}

    @property
    def parameters(self) -> ParameterSchema:
        """What `parameter_schema` says, as an object with these parts.

        Raises:
            ParameterError: A type hint cannot be read.
        """
        from alisio.utilities.callables import ParameterSchema

        return ParameterSchema.of(self.parameter_schema())

    def parameter_schema(self) -> dict[str, Any]:
        """Describe the parameters as a JSON Schema (draft 2020-12).

        Raises:
            ParameterError: A type hint cannot be read.
        """
        from alisio.engine.parameters import parameter_schema

        return parameter_schema(self)

    def _default_name(self) -> str:
        return super()._default_name().replace("_", "-")

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Check parameters by the function's type hints, and convert them to these types.

        Raises:
            ParameterError: A value does not fit; the message names the parameter.
        """
        from alisio.engine.parameters import validated

        return validated(self, parameters)

    def with_defaults(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Give all parameters: those given, and the defaults of the others, in the function's order."""
        bound = inspect.BoundArguments(self.signature, dict(parameters))
        bound.apply_defaults()
        return dict(bound.arguments)

    def arguments_from(self, parameters: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give what to call the function with, from parameters by name."""
        bound = inspect.BoundArguments(self.signature, parameters)
        return bound.args, bound.kwargs

    def with_options(self, **options: Unpack[FlowOptions]) -> Self:
        """Make a flow of the same function with other options; those not given stay as they are.

        Args:
            options: See `FlowOptions`.

        Raises:
            ValueError: An option cannot be used.
        """
        made = type(self)(self._descriptor or self.fn, **self.options_with(options))
        made.source = self.source
        return made

    def visualize(self, *args: Any, graph_output_format: str = "graphviz", **kwargs: Any) -> None:
        """Show what the flow's code would run: it is called, with tasks and subflows that do nothing.

        Args:
            args: For the function.
            graph_output_format: `graphviz`: a picture is opened, for which the program `dot` must be there;
                `mermaid`: the text of a Mermaid flowchart is printed.
            kwargs: For the function.

        Raises:
            ValueError: There is no such format.
            VisualizationError: The code cannot run so, mostly as it uses a task's result; or Graphviz is not there.
        """
        from alisio.engine.graphs import graph_of, render

        if graph_output_format not in ("graphviz", "mermaid"):
            raise ValueError(f"graph_output_format must be 'graphviz' or 'mermaid', not {graph_output_format!r}")
        graph = graph_of(self, args, kwargs)
        if graph_output_format == "mermaid":
            print(graph.to_mermaid(), end="")  # noqa: T201  # it is what was asked for
            return
        import webbrowser

        webbrowser.open(render(graph, self.name).as_uri())

    def to_mermaid(self, *args: Any, **kwargs: Any) -> str:
        """Give what `visualize` prints in the format `mermaid`."""
        from alisio.engine.graphs import graph_of

        return graph_of(self, args, kwargs).to_mermaid()

    def on_cancellation(self, hook: H) -> H:
        """Call this function when a run was cancelled while its code ran: `@etl.on_cancellation`."""
        return self._add_hook("on_cancellation", hook)

    def on_crashed(self, hook: H) -> H:
        """Call this function when a run has CRASHED and is not retried: `@etl.on_crashed`."""
        return self._add_hook("on_crashed", hook)


def _checked_task_runner(label: str, runner: Any) -> TaskRunner | None:
    if isinstance(runner, type):
        runner = runner()
    if runner is not None and not callable(getattr(runner, "duplicate", None)):
        raise ValueError(f"{label}: task_runner must be a task runner, not {runner!r}")
    return runner  # type: ignore[no-any-return]


class _FlowMaker:
    """Make a flow of a function: `@flow`, or `@flow(name="…", retries=2)`; `flow.from_source` loads one."""

    from_source = staticmethod(DeploymentMethods.from_source)
    afrom_source = staticmethod(DeploymentMethods.afrom_source)

    @overload
    def __call__(self, fn: classmethod[Any, P, R] | staticmethod[P, R], /) -> Flow[P, R]: ...

    @overload
    def __call__(self, fn: Callable[P, R], /) -> Flow[P, R]: ...

    @overload
    def __call__(self, /, **options: Unpack[FlowOptions]) -> FlowDecorator: ...

    def __call__(self, fn: Any = None, /, **options: Any) -> Any:
        """Make a flow of a function.

        Args:
            fn: The function.
            options: See `FlowOptions`.

        Returns:
            The flow, or a decorator where only options are given.

        Raises:
            TypeError: It is no function, or there is no such option.
            ValueError: An option cannot be used.
        """
        if fn is not None:
            return Flow(fn, **options)
        return lambda function: Flow(function, **options)


flow = _FlowMaker()
