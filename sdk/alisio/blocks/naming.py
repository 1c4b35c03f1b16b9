"""What a block class says of itself: name, slug, description and example, from its settings or its docstring."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from inspect import cleandoc

from alisio.exceptions import InvalidBlockRegistrationError

_SECTION = re.compile(r"^(Args|Attributes|Examples?|Methods|Notes?|Raises|Returns):[ \t]*$", re.MULTILINE)


def slug_of(name: str) -> str:
    """Make the slug of a block type's name: `AWS Credentials` becomes `aws-credentials`.

    Raises:
        InvalidBlockRegistrationError: There is no letter or digit in it.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not slug:
        raise InvalidBlockRegistrationError(f"the block type {name!r} has no slug: set _block_type_slug on its class")
    return slug


def description_in(docstring: str | None) -> str | None:
    """Take the part of a docstring that stands before its sections; None where there is none."""
    text = cleandoc(docstring or "")
    section = _SECTION.search(text)
    return (text[: section.start()] if section else text).strip() or None


def example_in(docstring: str | None) -> str | None:
    """Take the example out of a docstring, `Example:` or `Examples:`; None where there is none."""
    text = cleandoc(docstring or "")
    sections = list(_SECTION.finditer(text))
    ends = [section.start() for section in sections[1:]] + [len(text)]
    for section, end in zip(sections, ends, strict=False):
        if section[1].startswith("Example"):
            return textwrap.dedent(text[section.end() : end].strip("\n")).strip() or None
    return None
