"""Saving and loading blocks, in both forms."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, SecretBytes, SecretStr
from pydantic import Secret as PydanticSecret

from alisio import flow, task
from alisio.blocks.core import Block
from alisio.blocks.fields import SecretDict
from alisio.blocks.system import JSON, DateTime, Secret, String
from alisio.client import open_client
from alisio.contract.blocks import SECRET_MASK
from alisio.exceptions import BlockError, BlockNotSavedError, InvalidBlockRegistrationError, UnknownBlockTypeError


class Colour(Enum):
    RED = "red"


class Place(BaseModel):
    street: str
    code: SecretStr


class Login(Block):
    user: str
    password: SecretStr | None = None


class Everything(Block):
    """A block of all that can be stored."""

    number: float
    decimal: Decimal
    day: date
    span: timedelta
    colour: Colour
    path: Path
    names: set[str]
    pair: tuple[int, str]
    place: Place
    logins: dict[str, SecretStr]
    many: list[SecretStr]
    raw: SecretBytes
    code: PydanticSecret[int]
    more: SecretDict
    other: str = Field(alias="otherName")


EVERYTHING: dict[str, Any] = {
    "number": 1.5,
    "decimal": "1.10",
    "day": "2026-03-01",
    "span": 90.0,
    "colour": "red",
    "path": "a/b",
    "names": ["x"],
    "pair": [1, "y"],
    "place": {"street": "Main", "code": "hidden-1"},
    "logins": {"a": "hidden-2"},
    "many": ["hidden-3", "hidden-4"],
    "raw": "hidden-5",
    "code": 4711,
    "more": {"deep": {"er": "hidden-6"}},
    "otherName": "z",
}

Call = Callable[..., Any]


def blocking(method: Call, *arguments: Any, **named: Any) -> Any:
    """Call a method in synchronous code."""
    return method(*arguments, **named)


def dispatched(method: Call, *arguments: Any, **named: Any) -> Any:
    """Await the same method in asynchronous code."""

    async def call() -> Any:
        return await method(*arguments, **named)

    return asyncio.run(call())


def awaited(method: Call, *arguments: Any, **named: Any) -> Any:
    """Await the method whose name begins with `a`."""
    return dispatched(getattr(method.__self__, f"a{method.__name__}"), *arguments, **named)


each_form = pytest.mark.parametrize("call", [blocking, dispatched, awaited])


@each_form
def test_a_block_is_saved_loaded_and_deleted(call: Call) -> None:
    """It comes back with its secrets; once deleted it is gone, and saying so is one line."""
    saved = call(Login(user="me", password=SecretStr("swordfish")).save, "door")
    loaded = call(Login.load, "door")
    by_slug = call(Block.load, "login/door")
    by_id = call(Login.load_from_ref, {"block_document_id": str(saved)})

    assert isinstance(saved, UUID)
    for block in (loaded, by_slug, by_id):
        assert isinstance(block, Login)
        assert ("me", "swordfish") == (block.user, block.password.get_secret_value() if block.password else None)
    assert call(Login.delete, "door") is None
    with pytest.raises(BlockError, match=r"^there is no block login/door: see `alisio block ls`$"):
        call(Login.load, "door")
    with pytest.raises(BlockError, match="there is no block login/door"):
        call(Block.delete, "login/door")


@each_form
def test_a_type_is_registered(call: Call) -> None:
    """With those that its fields name, and again without harm."""

    class Box(Block):
        inner: Login

    assert call(Box.register_type_and_schema) is None
    assert call(Box.register_type_and_schema) is None

    with open_client() as client:
        types = {kind.slug: kind for kind in client.list_block_types().items}
    assert {"box", "login"} == types.keys()
    assert ["inner.password"] == types["box"].block_schema.secret_fields


def test_code_decides_how_a_method_is_called() -> None:
    """In an asynchronous flow it is awaited; in a synchronous task of that flow it blocks, though a loop runs there."""
    String(value="hello").save("greeting")

    @task
    def read() -> str:
        return String.load("greeting").value

    @flow
    async def main() -> list[str]:
        coroutine: Any = String.load("greeting")
        assert inspect.isawaitable(coroutine)
        return [(await coroutine).value, read()]

    assert ["hello", "hello"] == asyncio.run(main())


def test_everything_comes_back() -> None:
    """Each type of field is stored in the form that pydantic reads, by its alias, and is what it was."""
    block = Everything.model_validate(EVERYTHING)
    block.save("all")

    assert block.model_dump() == Everything.load("all").model_dump()


def test_every_secret_is_a_mask() -> None:
    """In what the server shows, in what is printed, and in what is on the disk."""
    block = Everything.model_validate(EVERYTHING)
    block.save("all")

    with open_client() as client:
        shown = client.read_block_document_by_name("everything", "all").data

    secret = {"place": {"street": "Main", "code": SECRET_MASK}, "logins": {"a": SECRET_MASK}, "raw": SECRET_MASK}
    secret |= {"many": [SECRET_MASK, SECRET_MASK], "code": SECRET_MASK, "more": {"deep": SECRET_MASK}}
    assert {**EVERYTHING, "span": "PT1M30S", **secret} == shown
    assert "hidden" not in f"{block} {block!r} {Everything.load('all')!r}"
    assert "SecretDict(\"{'deep': '**********'}\")" in repr(block)


def test_nothing_on_the_disk_is_plain(home: Path) -> None:
    """Neither the database nor its log holds a secret; the key lies in a file of its own."""
    Everything.model_validate(EVERYTHING).save("all")

    files = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    assert {"alisio.db", "alisio.db.key"} <= files.keys()
    assert [] == [name for name, content in files.items() if b"hidden" in content]


def test_a_secret_that_the_type_does_not_tell_is_not_stored() -> None:
    """It would lie there in plain, so saving says which field it is, and nothing is saved."""

    class Loose(Block):
        value: Any

    with pytest.raises(BlockError, match=r"^value\.a of a Loose holds a secret, which its type does not tell"):
        Loose(value={"a": SecretStr("x")}).save("loose")
    with pytest.raises(BlockError, match=r"no block loose/loose|no block type"):
        Loose.load("loose")


def test_what_has_no_form_in_json_is_named_and_not_shown() -> None:
    """The line says where it is and of which type; a secret stays one."""
    with pytest.raises(BlockError) as caught:
        Secret(value={"key": object()}).save("x")

    assert "value.key: a object cannot be stored as JSON" == str(caught.value)


def test_a_name_is_taken_until_it_may_be_overwritten() -> None:
    """A block knows its name, so saving it again needs none."""
    login = Login(user="me")
    first = login.save("door")

    with pytest.raises(BlockError, match=r"there is a block login/door already.*overwrite=True"):
        login.save()
    login.user = "you"
    assert first == login.save(overwrite=True)
    assert "you" == Login.load("door").user
    loaded = Login.load("door")
    loaded.user = "they"
    assert first == loaded.save(overwrite=True)


@pytest.mark.parametrize(
    ("act", "line"),
    [
        (lambda: Login(user="me").save(), "this Login has no name yet: save it as .save(NAME)"),
        (
            lambda: Login(user="me").save("a/b"),
            "the block login/a/b cannot be saved: name: a name has none of / % & < >",
        ),
        (lambda: Block.load("door"), "'door' does not say the block's type: write SLUG/NAME"),
        (lambda: Login.load_from_ref("door"), "'door' refers to no block"),
        (lambda: Login(user="x" * 600_000).save("big"), "the block login/big cannot be saved: data: may have 512,000"),
    ],
)
def test_a_mistake_is_one_line(act: Callable[[], Any], line: str) -> None:
    """Each says what is wrong and what to do."""
    with pytest.raises(BlockError) as caught:
        act()

    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_blocks_of_interfaces_cannot_be_saved() -> None:
    """`Block` itself has no type, and a class with abstract methods makes no blocks."""
    with pytest.raises(InvalidBlockRegistrationError, match="blocks of Block cannot be saved or registered"):
        Block().save("x")
    with pytest.raises(BlockNotSavedError):
        Login(user="me").get_block_placeholder()


def test_a_saved_block_has_a_placeholder() -> None:
    """It is what templates name it by."""
    login = Login(user="me")
    login.save("door")

    assert "alisio.blocks.login.door" == login.get_block_placeholder()


def test_a_block_whose_class_is_elsewhere_is_told() -> None:
    """A type whose class was never imported cannot be made; one of ours is imported when it is asked for."""
    with open_client() as client:
        from alisio.contract.blocks import BlockDocumentCreate, BlockSchemaSpec, BlockTypeSpec

        client.register_block_type("alien", BlockTypeSpec(name="Alien", block_schema=BlockSchemaSpec(fields={})))
        client.save_block_document(BlockDocumentCreate(block_type_slug="alien", name="x", data={}))

    with pytest.raises(UnknownBlockTypeError, match="no class of the block type 'alien' was imported"):
        Block.load("alien/x")
    Secret(value="x").save("mine")
    with pytest.raises(BlockError, match="the block secret/mine is a Secret, not a Login"):
        Login.load("secret/mine")


@pytest.mark.parametrize("value", ["swordfish", 7, ["a"], {"user": "me", "age": 3}, SecretStr("swordfish")])
def test_a_secret_is_any_value(value: Any) -> None:
    """A text, or what has a form in JSON; it is shown as a mask."""
    Secret(value=value).save("door")

    loaded = Secret.load("door")
    expected = "swordfish" if isinstance(value, SecretStr) else value
    assert expected == loaded.get() == loaded.value.get_secret_value()
    assert "value=Secret('**********')" == str(loaded)


def test_single_values() -> None:
    """JSON, texts and instants have blocks of their own."""
    JSON(value={"a": [1, None]}).save("json")
    DateTime(value=datetime(2026, 3, 1, 9, 30, tzinfo=UTC)).save("time")

    assert {"a": [1, None]} == JSON.load("json").value
    assert datetime(2026, 3, 1, 9, 30, tzinfo=UTC) == DateTime.load("time").value
    assert datetime(2026, 3, 1, 9, 30, tzinfo=UTC) == Block.load("date-time/time").value
