"""Blocks through the API: what is stored, what is shown to whom, and what the database and the audit log hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from alisio.contract.access import Role
from alisio.contract.blocks import SECRET_MASK, schema_checksum
from alisio.contract.ids import new_id
from alisio_server.database.block_tables import block_document
from alisio_server.database.columns import metadata
from tests.integration.access.conftest import Answer, Door

SECRET = {"type": "string", "format": "password", "writeOnly": True}
LOGIN = {"properties": {"user": {"type": "string"}, "password": SECRET, "tokens": {"additionalProperties": SECRET}}}
DATA = {"user": "me", "password": "swordfish", "tokens": {"a": "sesame"}}
SHOWN = {"user": "me", "password": SECRET_MASK, "tokens": {"a": SECRET_MASK}}


@pytest.fixture(autouse=True)
def login(door: Door) -> None:
    """The block type `login`."""
    register(door, "login", LOGIN)


def register(door: Door, slug: str, fields: dict[str, Any], key: str | None = None, **more: Any) -> Answer:
    """Register a block type."""
    schema = {"fields": fields, "capabilities": more.pop("capabilities", [])}
    body = {"name": slug.title(), "block_schema": schema, **more}
    return door.ask("PUT", f"/api/block-types/{slug}", body, key=key)


def save(door: Door, name: str, data: dict[str, Any] | None = None, slug: str = "login", **more: Any) -> Answer:
    """Save a block."""
    key = more.pop("key", None)
    body = {"block_type_slug": slug, "name": name, "data": DATA if data is None else data, **more}
    return door.ask("POST", "/api/block-documents", body, key=key)


def holding(*held: Answer) -> dict[str, Any]:
    """Make data that holds other blocks."""
    return {"blocks": [{"$ref": {"block_document_id": answer.body["id"]}} for answer in held]}


def reveal(door: Door, name: str, key: str | None = None) -> Answer:
    """Read a block with its secrets."""
    return door.ask("POST", f"/api/block-types/login/block-documents/name/{name}/reveal", key=key)


def test_a_type_is_registered_once(door: Door) -> None:
    """Registering again changes what people are told, not the type; its secrets are told by their paths."""
    first = register(door, "cube", {"properties": {"edge": {"type": "number"}}}).body
    second = register(door, "cube", LOGIN, description="New", capabilities=["roll"]).body

    assert (first["id"], first["created"], "New") == (second["id"], second["created"], second["description"])
    assert (["password", "tokens.*"], ["roll"]) == (
        second["block_schema"]["secret_fields"],
        second["block_schema"]["capabilities"],
    )
    assert schema_checksum(LOGIN) == second["block_schema"]["checksum"]
    assert second == door.ask("GET", "/api/block-types/cube").body
    assert ["cube", "login"] == [kind["slug"] for kind in door.ask("GET", "/api/block-types").body["items"]]


def test_secrets_are_shown_to_those_alone_who_ask_for_them(door: Door) -> None:
    """Saving, reading by id and by name, listing and changing answer with masks; revealing gives the secrets."""
    saved = save(door, "door")
    one = f"/api/block-documents/{saved.body['id']}"
    listed = door.ask("POST", "/api/block-documents/filter", {})
    answers = [saved, door.ask("GET", one), door.ask("GET", "/api/block-types/login/block-documents/name/door")]

    assert [SHOWN] * 3 == [answer.body["data"] for answer in answers]
    assert [saved.body] == listed.body["items"]
    assert SHOWN == door.ask("PATCH", one, {"data": DATA}).body["data"]
    assert DATA == reveal(door, "door").body["document"]["data"]
    assert DATA == door.ask("POST", f"{one}/reveal").body["document"]["data"]


def test_no_secret_is_stored_in_plain(door: Door) -> None:
    """No row of any table holds one, and the encrypted ones differ from row to row."""
    save(door, "one")
    save(door, "two")

    with door.services.database.read() as connection:
        stored = [repr(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]
        sealed = connection.execute(select(block_document.c.secrets)).scalars().all()

    assert any("'me'" in row for row in stored)
    assert [] == [row for row in stored if "swordfish" in row or "sesame" in row]
    assert 2 == len({bytes(secrets) for secrets in sealed})


def test_what_is_encrypted_for_one_block_is_refused_in_another(door: Door) -> None:
    """Whoever can write rows cannot have the secrets of a block revealed as those of another one."""
    one, two = save(door, "one").body["id"], save(door, "two").body["id"]
    with door.services.database.write() as connection:
        stolen = select(block_document.c.secrets).where(block_document.c.id == UUID(one)).scalar_subquery()
        connection.execute(block_document.update().where(block_document.c.id == UUID(two)).values(secrets=stolen))

    answer = reveal(door, "two")

    assert (409, "secrets_unreadable") == (answer.status, answer.body["code"])
    assert answer.body["message"].startswith("block login/two: the secrets cannot be decrypted: they were changed")


def test_a_mask_stands_for_the_secret_that_is_there(door: Door) -> None:
    """So a form that shows masks can be sent back: what is not touched stays, the rest is new."""
    saved = save(door, "door").body
    data = {"user": "you", "password": SECRET_MASK, "tokens": {"a": SECRET_MASK, "b": "new"}}

    door.ask("PATCH", f"/api/block-documents/{saved['id']}", {"data": data})

    expected = {"user": "you", "password": "swordfish", "tokens": {"a": "sesame", "b": "new"}}
    assert expected == reveal(door, "door").body["document"]["data"]
    save(door, "door", {**data, "tokens": {}}, overwrite=True)
    assert {"user": "you", "password": "swordfish", "tokens": {}} == reveal(door, "door").body["document"]["data"]


def test_a_name_is_taken_once_in_a_type(door: Door) -> None:
    """A second block of the name is a conflict unless it may overwrite; another type has names of its own."""
    first = save(door, "door").body
    taken = save(door, "door")
    register(door, "other", {})

    assert (409, "block_document_exists", "name") == (taken.status, taken.body["code"], taken.body["field"])
    assert first["id"] == save(door, "door", {"user": "you"}, overwrite=True).body["id"]
    assert first["id"] != save(door, "door", {}, "other").body["id"]
    assert {"user": "you"} == reveal(door, "door").body["document"]["data"]


def test_a_block_keeps_the_schema_it_was_saved_with(door: Door) -> None:
    """Its secrets stay secrets when the type changes; saving by an older schema is possible, by an unknown one not."""
    saved = save(door, "door").body
    register(door, "login", {"properties": {"user": {"type": "string"}}})

    assert (saved["schema_checksum"], SHOWN) == (schema_checksum(LOGIN), saved["data"])
    assert DATA == reveal(door, "door").body["document"]["data"]
    assert SHOWN == save(door, "old", schema_checksum=schema_checksum(LOGIN)).body["data"]
    unknown = save(door, "new", schema_checksum="x")
    assert (404, "block_schema_not_found") == (unknown.status, unknown.body["code"])


def test_what_a_block_holds_is_revealed_with_it(door: Door) -> None:
    """By reference, through all levels, each once and with its secrets, as they are now."""
    register(door, "box", {})
    inner = save(door, "inner")
    middle = save(door, "middle", holding(inner), "box")
    save(door, "outer", holding(middle, inner), "box")
    save(door, "inner", {**DATA, "password": "new"}, overwrite=True)

    answer = door.ask("POST", "/api/block-types/box/block-documents/name/outer/reveal").body

    assert {middle.body["id"], inner.body["id"]} == answer["held"].keys()
    assert "new" == answer["held"][inner.body["id"]]["data"]["password"]


def test_what_others_hold_stays(door: Door) -> None:
    """A block that another one holds is deleted neither by itself nor with its type, until nobody holds it."""
    register(door, "box", {})
    inner = save(door, "inner")
    outer = save(door, "outer", holding(inner), "box")
    one = f"/api/block-documents/{inner.body['id']}"

    refused = door.ask("DELETE", one)
    with_type = door.ask("DELETE", "/api/block-types/login")

    assert (409, "block_document_in_use") == (refused.status, refused.body["code"])
    assert "the block login/inner is held by box/outer: change or delete that first" == refused.body["message"]
    assert (409, "block_document_in_use") == (with_type.status, with_type.body["code"])
    door.ask("PATCH", f"/api/block-documents/{outer.body['id']}", {"data": {}})
    assert 204 == door.ask("DELETE", one).status
    assert 404 == door.ask("GET", one).status


def test_a_type_goes_with_its_blocks(door: Door) -> None:
    """Also where they hold one another."""
    register(door, "box", {})
    save(door, "outer", holding(save(door, "inner", {}, "box")), "box")

    assert 204 == door.ask("DELETE", "/api/block-types/box").status
    assert 404 == door.ask("GET", "/api/block-types/box/block-documents/name/outer").status
    assert [] == door.ask("POST", "/api/block-documents/filter", {}).body["items"]


def test_no_block_holds_itself(door: Door) -> None:
    """Neither directly nor through others; the block stays as it was."""
    register(door, "box", {})
    inner = save(door, "inner", {}, "box")
    outer = save(door, "outer", holding(inner), "box")

    for held in (inner, outer):
        answer = door.ask("PATCH", f"/api/block-documents/{inner.body['id']}", {"data": holding(held)})
        assert (422, "block_cycle", "data") == (answer.status, answer.body["code"], answer.body["field"])
    assert {} == door.ask("GET", f"/api/block-documents/{inner.body['id']}").body["data"]


@pytest.mark.parametrize(
    ("reference", "code"),
    [(str(new_id()), "held_block_not_found"), ("nonsense", "invalid_input"), (7, "invalid_input")],
)
def test_a_block_holds_what_there_is(door: Door, reference: Any, code: str) -> None:
    """A reference to no block is refused, and nothing is saved."""
    answer = save(door, "door", {"held": {"$ref": {"block_document_id": reference}}})

    assert (422, code, "data") == (answer.status, answer.body["code"], answer.body["field"])
    assert 404 == reveal(door, "door").status


def test_blocks_are_listed_by_type_and_name(door: Door) -> None:
    """Filters narrow, an empty list matches nothing, and pages follow one another."""
    register(door, "box", {}, capabilities=["carry", "hold"])
    ids = {name: save(door, name, {}, slug).body["id"] for slug, name in (("login", "b"), ("login", "a"), ("box", "Z"))}

    def found(**narrowed: Any) -> list[str]:
        answer = door.ask("POST", "/api/block-documents/filter", {"filter": narrowed})
        return [item["name"] for item in answer.body["items"]]

    assert ["Z", "a", "b"] == found()
    assert ["a", "b"] == found(block_type_slugs=["login"])
    assert ["b"] == found(ids=[ids["b"]])
    assert ["Z"] == found(name_contains="z")
    assert ["Z"] == found(capabilities=["hold"])
    assert [] == found(capabilities=["hold", "fly"])
    assert [] == found(names=[])
    first = door.ask("POST", "/api/block-documents/filter", {"limit": 2}).body
    rest = door.ask("POST", "/api/block-documents/filter", {"limit": 2, "cursor": first["next_cursor"]}).body
    assert (["Z", "a"], ["b"]) == tuple([item["name"] for item in page["items"]] for page in (first, rest))


@pytest.mark.parametrize("slug", ["Login", "my_type", "-x", "a--b", "a b"])
def test_a_slug_is_of_small_letters_digits_and_dashes(door: Door, slug: str) -> None:
    """Anything else is refused where it is made."""
    answer = register(door, slug.replace(" ", "%20"), {})

    assert (422, "type_slug") == (answer.status, answer.body["field"])


def test_a_schema_that_stands_for_too_much_is_refused(door: Door) -> None:
    """Its secrets could not all be found, so no block may be saved by it."""
    wide = {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{j}"} for j in range(12)]} for i in range(12)}
    answer = register(door, "wide", {"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": wide})

    assert (422, "invalid_schema", "block_schema.fields") == (
        answer.status,
        answer.body["code"],
        answer.body["field"],
    )


def test_a_lost_key_file_is_one_line(door: Door, tmp_path: Path) -> None:
    """What is not secret can be read as ever; the secrets can be saved anew, with a new key."""
    save(door, "door")
    (path,) = tmp_path.glob("*.key")
    path.unlink()

    answer = reveal(door, "door")

    assert (409, "secrets_unreadable") == (answer.status, answer.body["code"])
    assert f"key file {path.name}, and that file is gone" in answer.body["message"]
    assert 200 == door.ask("GET", "/api/block-types/login/block-documents/name/door").status
    kept = save(door, "door", {**DATA, "password": SECRET_MASK}, overwrite=True)
    assert (409, "secrets_unreadable") == (kept.status, kept.body["code"])
    assert 200 == save(door, "door", overwrite=True).status
    assert DATA == reveal(door, "door").body["document"]["data"]


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.AGENT, 200), (Role.DEPLOYER, 200)])
def test_viewers_see_masks_and_no_secrets(door: Door, role: Role, status: int) -> None:
    """Whoever may run code with secrets may read them; who only looks on may not, and the try is in the audit log."""
    save(door, "door")
    admin, key = door.new_key().text, door.new_key("somebody", role).text

    assert status == reveal(door, "door", key).status
    assert SHOWN == door.ask("GET", "/api/block-types/login/block-documents/name/door", key=key).body["data"]
    (noted, *_) = door.ask("GET", "/api/audit?actor=somebody", key=admin).body["items"]
    assert ("reveal_block_document_by_name", status == 403) == (noted["action"], noted["refused"])
    assert "/api/block-types/login/block-documents/name/door/reveal" == noted["target"]


def test_the_audit_log_names_who_read_which_secrets(door: Door) -> None:
    """A block that is read again and again is noted once a minute for each reader; no value is in the log."""
    save(door, "door")
    admin, one, two = door.new_key().text, door.new_key("one").text, door.new_key("two").text
    for key in (one, one, one, two):
        assert 200 == reveal(door, "door", key).status
    save(door, "door", key=one, overwrite=True)

    records = door.ask("GET", "/api/audit", key=admin).body["items"]

    noted = [record["actor"] for record in records if record["action"] == "reveal_block_document_by_name"]
    assert ["one", "two"] == sorted(noted)
    (saved, *_) = [record for record in records if record["action"] == "save_block_document"]
    assert ["block_type_slug", "data", "name", "overwrite"] == sorted(saved["fields"])
    assert "swordfish" not in json.dumps(records)


def test_large_secrets_of_any_letters_take_no_more_room_than_they_must(door: Door) -> None:
    """KMS is called for each 4,096 bytes: an emoji is four of them, and not twelve; all secrets have a bound."""
    answer = save(door, "emoji", {"password": "\N{WATER WAVE}" * 60_000})
    assert 200 == answer.status
    with door.services.database.read() as connection:
        [sealed] = connection.execute(select(block_document.c.secrets)).scalars()
    assert 60 >= len(sealed) / 4_096

    refused = save(door, "larger", {"password": "\N{WATER WAVE}" * 70_000})

    assert 422 == refused.status
    assert "its secrets are 280,019 bytes as JSON, and may be 262,144 together" in refused.body["message"]
    half = save(door, "half", {"password": "\ud83c"})
    assert 200 == half.status
    assert 200 == reveal(door, "half").status
