"""`alisio block`, on the embedded backend."""

from __future__ import annotations

import json
import textwrap

import pytest

from alisio.blocks.core import Block
from alisio.blocks.system import Secret, String
from alisio.contract.blocks import SECRET_MASK
from tests.unit.cli.conftest import Commands

FILE = """
    from alisio.blocks.core import Block
    from alisio.blocks.system import String
    from pydantic import SecretStr

    class Door(Block):
        '''A door that wants a word.'''
        where: str
        word: SecretStr
        greeting: String | None = None
"""


@pytest.fixture
def door(commands: Commands) -> str:
    """A secret; its slug."""
    Secret(value="swordfish").save("door")
    return "secret/door"


def test_blocks_are_listed_and_shown_without_secrets(commands: Commands, door: str) -> None:
    """In both forms of output there is a mask in the place of the secret."""
    String(value="hello").save("greeting")

    listed = json.loads(commands.run("block", "ls", "-o", "json").out)
    one = json.loads(commands.run("block", "inspect", door, "-o", "json").out)
    shown = [commands.run("block", "ls").out, commands.run("block", "inspect", "--id", one["id"]).out]

    assert ["secret/door", "string/greeting"] == [f"{block['block_type_slug']}/{block['name']}" for block in listed]
    assert {"value": SECRET_MASK} == one["data"]
    assert one in listed
    assert all(text in shown[0] for text in ("secret/door", "Secret", "string/greeting"))
    assert f'value: "{SECRET_MASK}"' in shown[1]
    assert "swordfish" not in "".join(shown)
    assert "string/greeting" not in commands.run("block", "ls", "--type", "secret").out


def test_a_block_is_deleted(commands: Commands, door: str) -> None:
    """By its slug; another time there is none such."""
    assert "deleted block secret/door\n" == commands.run("block", "delete", door).out
    assert "there is no block secret/door: see `alisio block ls`" == commands.refused("block", "delete", door)


def test_the_types_of_a_file_are_registered(commands: Commands) -> None:
    """Those that it defines itself, not those that it imports, though they are known with them."""
    (commands.folder / "doors.py").write_text(textwrap.dedent(FILE))

    assert "registered block type door\n" == commands.run("block", "register", "-f", "doors.py").out
    types = json.loads(commands.run("block", "type", "ls", "-o", "json").out)
    shown = commands.run("block", "type", "inspect", "door").out

    assert ["door", "string"] == [kind["slug"] for kind in types]
    assert "A door that wants a word." in commands.run("block", "type", "ls").out
    assert all(line in shown for line in ("where: string (required)", "word: string (secret, required)"))
    assert "greeting: one of several types" in shown


def test_the_types_of_a_module_are_registered(commands: Commands) -> None:
    """Ours are made known in one go, for those who fill in forms."""
    out = commands.run("block", "register", "-m", "alisio.blocks.system").out

    assert [f"registered block type {slug}" for slug in ("secret", "json", "string", "date-time")] == out.splitlines()


def test_a_type_is_deleted_with_its_blocks(commands: Commands, door: str) -> None:
    """It asks first."""
    assert "deleted block type secret\n" == commands.run("block", "type", "delete", "secret", "--yes").out
    assert "[]\n" == commands.run("block", "ls", "-o", "json").out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("inspect",), "say which block: SLUG/NAME or --id ID, one of them"),
        (("inspect", "door"), "'door' must be SLUG/NAME, such as secret/door; `alisio block ls` lists them"),
        (("register",), "say where the block classes are: --module MODULE or --file FILE.py, one of them"),
        (("register", "-m", "alisio.blocks.core"), "alisio.blocks.core defines no block classes: subclasses of"),
        (("register", "-m", "no_such_module_of_blocks"), "there is no module 'no_such_module_of_blocks' to load"),
        (("type", "inspect", "secrt"), "there is no block type 'secrt'; did you mean 'secret'?"),
        (("type", "delete", "xyz", "--yes"), "there is no block type 'xyz'; `alisio block type ls` lists them"),
    ],
)
def test_a_mistake_is_one_line(commands: Commands, door: str, arguments: tuple[str, ...], line: str) -> None:
    """It says what is wrong and what to do."""
    assert commands.refused("block", *arguments).startswith(line)


def test_what_is_held_is_told(commands: Commands, door: str) -> None:
    """A block that another one holds is not deleted; the line names the other."""

    class Wall(Block):
        door: Secret

    Wall(door=Secret.load("door")).save("front")

    assert commands.refused("block", "delete", door) == (
        "the block secret/door is held by wall/front: change or delete that first"
    )
