"""Blocks: configuration that is stored under a name, with a schema, and with its secrets encrypted."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from alisio.contract.base import Answer, BoundedObject, JsonObject, Name, PageRequest, Request, Timestamp

SECRET_MASK = "********"
"""What stands in the place of a secret; sent back, it stands for the secret that is stored there."""

BLOCK_REFERENCE = "$ref"
"""The key of an object that stands for another document: `{"$ref": {"block_document_id": "…"}}`."""

SLUG_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
BlockTypeSlug = Annotated[str, Field(min_length=1, max_length=200, pattern=SLUG_PATTERN)]
"""What a block type is known by: small letters, digits and single dashes."""

MAX_SECRET_BYTES = 262_144
"""How large the secrets of a block may be together, as JSON in UTF-8: AWS KMS is called once for each 4,096 bytes."""
_Text = Annotated[str, Field(max_length=20_000)]
_Url = Annotated[str, Field(max_length=2_000)]
_Capability = Annotated[str, Field(min_length=1, max_length=200)]


def schema_checksum(fields: JsonObject) -> str:
    """Tell schemas apart.

    Args:
        fields: A JSON Schema.

    Returns:
        The SHA-256, in hexadecimal, of its JSON with sorted keys.
    """
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class BlockSchemaSpec(Request):
    """The schema of a block type.

    Attributes:
        fields: A JSON Schema of the data; what is `writeOnly` in it is a secret.
        capabilities: What its blocks can do, for those who look for one that can.
        version: Of what defines it, for people.
    """

    fields: BoundedObject
    capabilities: list[_Capability] = Field(default_factory=list, max_length=50)
    version: str | None = Field(default=None, max_length=50)


class BlockTypeSpec(Request):
    """Body of `PUT /api/block-types/{slug}`: the type is made, or made like this."""

    name: Name
    block_schema: BlockSchemaSpec
    description: _Text | None = None
    code_example: _Text | None = None
    documentation_url: _Url | None = None
    logo_url: _Url | None = None


class BlockSchema(Answer):
    """A schema that a block type has or had.

    Attributes:
        checksum: What it is known by; see `schema_checksum`.
        fields: The JSON Schema.
        secret_fields: Where its secrets are: dotted paths, with `*` for every item of a list or value of an object.
        capabilities: What its blocks can do.
        version: Of what defines it.
        created: When it was registered first.
    """

    checksum: str
    fields: JsonObject
    secret_fields: list[str]
    capabilities: list[str]
    version: str | None = None
    created: Timestamp


class BlockType(Answer):
    """A block type, with the schema that it was last registered with."""

    id: UUID
    slug: str
    name: str
    description: str | None = None
    code_example: str | None = None
    documentation_url: str | None = None
    logo_url: str | None = None
    block_schema: BlockSchema
    created: Timestamp
    updated: Timestamp


class BlockDocumentCreate(Request):
    """Body of `POST /api/block-documents`.

    Attributes:
        block_type_slug: Of which type it is.
        name: What it is known by among the documents of its type.
        data: Its fields, secrets in plain; `BLOCK_REFERENCE` says how it holds other documents.
        schema_checksum: Of the schema that the data is made by; None: the type's present one.
        overwrite: Whether a document of that name is made like this; else that is a conflict.
    """

    block_type_slug: BlockTypeSlug
    name: Name
    data: BoundedObject
    schema_checksum: str | None = Field(default=None, max_length=64)
    overwrite: bool = False


class BlockDocumentPatch(Request):
    """Body of `PATCH /api/block-documents/{id}`.

    Attributes:
        data: All of its fields anew. A secret that is `SECRET_MASK` stays what it is.
        schema_checksum: Of the schema that the data is made by; None: as before.
    """

    data: BoundedObject
    schema_checksum: str | None = Field(default=None, max_length=64)


class BlockDocument(Answer):
    """A document.

    Attributes:
        data: Its fields, with `SECRET_MASK` in the place of each secret, unless it was asked for with its secrets.
        schema_checksum: Of the schema that the data was made by.
    """

    id: UUID
    name: str
    block_type_slug: str
    block_type_name: str
    schema_checksum: str
    data: dict[str, Any]
    created: Timestamp
    updated: Timestamp


class RevealedBlock(Answer):
    """A document with its secrets.

    Attributes:
        document: The document.
        held: The documents that it holds, and those that these hold, by id and with their secrets.
    """

    document: BlockDocument
    held: dict[UUID, BlockDocument]


class BlockDocumentFilter(Request):
    """Which documents; a field that is None does not narrow."""

    ids: list[UUID] | None = Field(default=None, max_length=200)
    names: list[str] | None = Field(default=None, max_length=200)
    name_contains: str | None = Field(default=None, max_length=200)
    block_type_slugs: list[str] | None = Field(default=None, max_length=200)
    capabilities: list[str] | None = Field(default=None, max_length=50)


class BlockDocumentQuery(PageRequest):
    """Body of `POST /api/block-documents/filter`: documents by the slug of their type and their name."""

    filter: BlockDocumentFilter = Field(default_factory=BlockDocumentFilter)
