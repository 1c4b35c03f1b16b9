"""Variables: small values that flows and people share by name, and change at any time.

    from alisio.variables import Variable

    Variable.set("answer", 42)
    Variable.get("answer")

They are stored in the clear, and everybody who may read the API can read them: secrets belong into blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from alisio.engine.either import awaited, blocking, either

__all__ = ["Variable"]


@dataclass(frozen=True)
class Variable:
    """A variable as it was when it was set.

    `set`, `get` and `unset` block in synchronous code, and must be awaited in asynchronous code; `aset`, `aget` and
    `aunset` must be awaited everywhere. All of them raise `ApiUnreachableError` and `ApiError`.
    """

    name: str
    value: Any
    tags: list[str] = field(default_factory=list)

    @classmethod
    def set(cls, name: str, value: Any, tags: list[str] | None = None, overwrite: bool = False) -> Any:
        """Give a variable its value.

        Args:
            name: At most 255 small letters a to z, digits and underscores.
            value: Anything that JSON can say, in 5,000 characters.
            tags: For people; those it had before are replaced.
            overwrite: Whether one that is there already is given the new value.

        Returns:
            The `Variable`.

        Raises:
            ValueError: It is there and not to be overwritten, or the name, the value or a tag cannot be used.
        """
        return either(blocking(lambda: cls._set(name, value, tags, overwrite)))

    @classmethod
    async def aset(cls, name: str, value: Any, tags: list[str] | None = None, overwrite: bool = False) -> Variable:
        """Give a variable its value; see `set`."""
        variable: Variable = await awaited(blocking(lambda: cls._set(name, value, tags, overwrite)))
        return variable

    @classmethod
    def get(cls, name: str, default: Any = None) -> Any:
        """Read the value of a variable.

        Args:
            name: The variable's name.
            default: What to give where there is no such variable.

        Returns:
            The value as JSON gives it back: lists for tuples, texts for keys.
        """
        return either(blocking(lambda: cls._get(name, default)))

    @classmethod
    async def aget(cls, name: str, default: Any = None) -> Any:
        """Read the value of a variable; see `get`."""
        return await awaited(blocking(lambda: cls._get(name, default)))

    @classmethod
    def unset(cls, name: str) -> Any:
        """Remove a variable.

        Args:
            name: The variable's name.

        Returns:
            Whether it was there.
        """
        return either(blocking(lambda: cls._unset(name)))

    @classmethod
    async def aunset(cls, name: str) -> bool:
        """Remove a variable; see `unset`."""
        was_there: bool = await awaited(blocking(lambda: cls._unset(name)))
        return was_there

    @classmethod
    def _set(cls, name: str, value: Any, tags: list[str] | None, overwrite: bool) -> Variable:
        from alisio.client import open_client
        from alisio.contract.variables import VariableSet
        from alisio.exceptions import ConflictError
        from alisio.utilities.checking import build

        given = {"name": name, "value": value, "tags": tags or [], "overwrite": overwrite}
        request = build(f"variable {name!r}", VariableSet, given)
        try:
            with open_client() as client:
                stored = client.set_variable(request)
        except ConflictError as error:
            raise ValueError(f"the variable {name!r} is there already: say overwrite=True to change it") from error
        return cls(stored.name, stored.value, stored.tags)

    @classmethod
    def _get(cls, name: str, default: Any) -> Any:
        from alisio.client import open_client
        from alisio.exceptions import NotFoundError

        try:
            with open_client() as client:
                return client.read_variable(name).value
        except NotFoundError as error:
            if error.code != "variable_not_found":
                raise
            return default

    @classmethod
    def _unset(cls, name: str) -> bool:
        from alisio.client import open_client
        from alisio.exceptions import NotFoundError

        try:
            with open_client() as client:
                client.delete_variable(name)
        except NotFoundError as error:
            if error.code != "variable_not_found":
                raise
            return False
        return True
