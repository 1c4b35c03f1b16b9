"""What block classes say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from alisio.blocks import abstract, core, fields, system
from alisio.blocks.core import Block, InvalidBlockRegistration, UnknownBlockType
from alisio.blocks.naming import slug_of
from alisio.blocks.schemas import checksum_of, spec_of
from alisio.exceptions import InvalidBlockRegistrationError


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Cube", "cube"),
        ("AWS Credentials", "aws-credentials"),
        ("S3Bucket", "s3bucket"),
        ("  A_b -- c!", "a-b-c"),
        ("Café", "cafe"),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    """Small letters, digits and dashes are left of a name."""
    assert slug == slug_of(name)


def test_a_name_without_letters_has_no_slug() -> None:
    """The line says what to set."""
    with pytest.raises(InvalidBlockRegistrationError, match="set _block_type_slug"):
        slug_of("???")


def test_settings_of_a_class_are_its_own() -> None:
    """They are set with or without a type; a subclass is a type of its own."""

    class Store(Block):
        """Where things are.

        They stay there.

        Attributes:
            path: Where.

        Example:
            Load it:

                Store.load("x")
        """

        _block_type_name = "Big Store"
        _logo_url: str = "https://example.org/logo.png"
        _documentation_url = "https://example.org"

        path: str = "."

    class Small(Store):
        pass

    assert ("Big Store", "big-store") == (Store.get_block_type_name(), Store.get_block_type_slug())
    assert ("https://example.org/logo.png", "https://example.org") == (
        Store.get_logo_url(),
        Store.get_documentation_url(),
    )
    assert "Where things are.\n\nThey stay there." == Store.get_description()
    assert 'Load it:\n\n    Store.load("x")' == Store.get_code_example()
    assert ("small", None) == (Small.get_block_type_slug(), Small.get_description())
    assert Small is Block.get_block_class_from_key("small")


def test_a_docstring_is_no_part_of_the_schema() -> None:
    """Better words make no other schema, of which loading would warn."""

    class One(Block):
        value: int

    before = checksum_of(One)

    class One(Block):
        """Better words."""

        value: int

    assert before == checksum_of(One)


def test_a_block_prepares_itself() -> None:
    """`block_initialization` runs once the fields are set, and may set what is stored nowhere."""

    class Client(Block):
        host: str

        def block_initialization(self) -> None:
            self.address = f"https://{self.host}"

    made: Any = Client(host="example.org")
    assert "https://example.org" == made.address


def test_interfaces_say_what_their_blocks_can_do() -> None:
    """A subclass has the capabilities of all of its bases, and without its methods it makes no blocks."""

    class Slack(abstract.NotificationBlock):
        _block_schema_capabilities = ["chat"]

        def notify(self, body: str, subject: str | None = None) -> None:
            if self._raises:
                raise abstract.NotificationError(body)

    class Half(abstract.CredentialsBlock):
        pass

    assert ["chat", "notify"] == spec_of(Slack).capabilities
    slack = Slack()
    slack.notify("nothing")
    with pytest.raises(abstract.NotificationError, match="told"), slack.raise_on_failure():
        slack.notify("told")
    slack.notify("nothing")
    assert "alisio.blocks.Slack" == slack.logger.name
    with pytest.raises(InvalidBlockRegistrationError, match="blocks of Half cannot be saved"):
        Half.register_type_and_schema()


def test_public_names() -> None:
    """These are the names that others may import, each from one module, and each is there."""
    expected = {
        core: ["Block", "BlockNotSavedError", "InvalidBlockRegistration", "UnknownBlockType"],
        system: ["JSON", "DateTime", "Secret", "String"],
        fields: ["SecretDict"],
        abstract: [
            "CredentialsBlock", "DatabaseBlock", "JobBlock", "JobRun", "NotificationBlock", "NotificationError",
            "ObjectStorageBlock", "SecretBlock",
        ],
    }  # fmt: skip
    assert expected == {module: module.__all__ for module in expected}
    assert all(hasattr(module, name) for module, names in expected.items() for name in names)


def test_the_names_that_users_of_prefect_know() -> None:
    """The errors of the core are there by both of their names."""
    assert InvalidBlockRegistration is InvalidBlockRegistrationError
    assert issubclass(UnknownBlockType, ValueError)
