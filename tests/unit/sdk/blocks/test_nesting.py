"""Blocks in blocks, and blocks whose class has changed."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from alisio.blocks.abstract import CredentialsBlock
from alisio.blocks.core import Block
from alisio.exceptions import BlockError


class Key(Block):
    name: str
    secret: SecretStr


class Token(Block):
    name: str
    token: SecretStr


class Bucket(Block):
    path: str
    credentials: Key | Token
    others: dict[str, Key] = {}


def test_a_block_that_is_not_saved_lies_within() -> None:
    """It comes back whole, of its own class among those that may be there, with its secrets."""
    Bucket(path="a", credentials=Token(name="t", token=SecretStr("hidden")), others={}).save("b")

    loaded = Bucket.load("b")

    assert isinstance(loaded.credentials, Token)
    assert "hidden" == loaded.credentials.token.get_secret_value()


def test_a_block_that_is_saved_is_held_by_reference() -> None:
    """What is changed in it is changed for all who hold it, and it stays as long as they do."""
    key = Key(name="k", secret=SecretStr("old"))
    key.save("mine")
    Bucket(path="a", credentials=key, others={"again": Key.load("mine")}).save("b")
    Key(name="k", secret=SecretStr("new")).save("mine", overwrite=True)

    loaded = Bucket.load("b")

    assert isinstance(loaded.credentials, Key)
    assert ["new", "new"] == [one.secret.get_secret_value() for one in (loaded.credentials, loaded.others["again"])]
    assert "alisio.blocks.key.mine" == loaded.credentials.get_block_placeholder()
    with pytest.raises(BlockError, match="the block key/mine is held by bucket/b: change or delete that first"):
        Key.delete("mine")
    Bucket.delete("b")
    Key.delete("mine")


def test_a_block_that_holds_itself_is_refused() -> None:
    """Nobody could ever load it."""

    class Ring(Block):
        next: Block | None = None

    ring = Ring()
    ring.save("one")
    ring.next = Ring.load("one")

    with pytest.raises(BlockError, match="a block cannot hold itself"):
        ring.save(overwrite=True)


def test_a_class_that_has_less_loads_what_is_there() -> None:
    """It warns that the schema is another one; what the class does not know is left out when it is saved again."""

    class Cube(Block):
        edge: float
        colour: str

    Cube(edge=1, colour="red").save("c")

    class Cube(Block):
        edge: float

    with pytest.warns(UserWarning, match="the block cube/c was saved with another schema than Cube has now"):
        loaded = Cube.load("c")
    assert 1 == loaded.edge
    loaded.save(overwrite=True)
    assert 1 == Cube.load("c").edge


def test_a_class_that_wants_more_is_brought_up_by_hand() -> None:
    """What is missing is told, and no value is; without validation it is None, to be set and saved anew."""

    class Account(Block):
        password: SecretStr

    Account(password=SecretStr("hidden")).save("c")

    class Account(Block):
        password: SecretStr
        ducks: int

    with pytest.warns(UserWarning), pytest.raises(BlockError) as caught:
        Account.load("c")
    assert str(caught.value).startswith("the block account/c does not fit Account: ducks: Field required; load it with")
    assert caught.value.__cause__ is None
    with pytest.warns(UserWarning):
        loaded = Account.load("c", validate=False)
    assert (None, "hidden") == (loaded.ducks, loaded.password.get_secret_value())
    loaded.ducks = 42
    loaded.save(overwrite=True)
    assert (42, "hidden") == (Account.load("c").ducks, Account.load("c").password.get_secret_value())


def test_what_is_loaded_without_validation_is_not_prepared() -> None:
    """The class's own preparation wants fields that may be missing; it runs when the block is loaded properly."""

    class Client(Block):
        host: str

    Client(host="a").save("c")

    class Client(Block):
        host: str
        port: int

        def block_initialization(self) -> None:
            self.address = f"{self.host}:{self.port + 0}"

    with pytest.warns(UserWarning):
        loaded = Client.load("c", validate=False)
    loaded.port = 80
    loaded.save(overwrite=True)
    assert "a:80" == Client.load("c").address


def test_a_field_may_be_of_any_block_of_a_kind() -> None:
    """An interface makes no type of its own; what is held is loaded as what it is."""

    class Keys(CredentialsBlock):
        key: SecretStr

        def get_client(self) -> str:
            return self.key.get_secret_value()

    class Store(Block):
        credentials: CredentialsBlock

    keys = Keys(key=SecretStr("hidden"))
    keys.save("k")
    Store(credentials=keys).save("s")

    assert "hidden" == Store.load("s").credentials.get_client()
    with pytest.raises(BlockError, match=r"^credentials\.key of a Store holds a secret, which its type does not tell"):
        Store(credentials=Keys(key=SecretStr("hidden"))).save("t")


def test_what_does_not_fit_is_not_shown() -> None:
    """Neither making a block nor loading one tells the value that it refuses."""

    class Pin(Block):
        value: SecretStr

    Pin(value=SecretStr("hidden")).save("p")

    class Pin(Block):
        value: int

    with pytest.raises(ValueError, match="value") as made:
        Pin(value="hidden")
    with (
        pytest.warns(UserWarning),
        pytest.raises(BlockError, match="the block pin/p does not fit Pin: value:") as loaded,
    ):
        Pin.load("p")
    assert "hidden" not in f"{made.value} {loaded.value}"
