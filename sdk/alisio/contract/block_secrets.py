"""Where the secrets of a block are, and how they are parted from what may be shown. Standard library only.

A path is a tuple of keys of objects and of indexes of lists (as text); in a pattern, `*` stands for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

DataPath = tuple[str, ...]
ANY = "*"
MAX_STEPS = 20_000
"""How many parts of a schema are looked at: references can make a small schema stand for an endless one."""
_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
_END = None
_Node = dict[str | None, Any]


def secret_patterns(schema: Mapping[str, Any]) -> list[DataPath]:
    """Find the secrets of a JSON Schema: what is `writeOnly` in it, or of the format `password`.

    Args:
        schema: The schema, with what it refers to in itself. Where it refers to itself without end, its secrets are
            found once.

    Returns:
        Their patterns, sorted.

    Raises:
        ValueError: It stands for more than can be looked through.
    """
    found: set[DataPath] = set()
    try:
        for steps, pattern in enumerate(_walk(schema, schema, (), frozenset())):
            if steps >= MAX_STEPS:
                raise ValueError("its references stand for too much: make it simpler")
            if pattern is not None:
                found.add(pattern)
    except RecursionError:
        raise ValueError("its references lead too deep: make it simpler") from None
    return sorted(found)


def _walk(schema: Any, root: Mapping[str, Any], path: DataPath, entered: frozenset[str]) -> Iterator[DataPath | None]:
    """Yield the pattern of each secret, and None for every other part that is looked at."""
    if not isinstance(schema, Mapping):
        return
    if path and (schema.get("writeOnly") is True or schema.get("format") == "password"):
        yield path
        return
    yield None
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in entered:
        yield from _walk(_resolve(root, reference), root, path, entered | {reference})
    for keyword in _ALTERNATIVES:
        for alternative in _listed(schema.get(keyword)):
            yield from _walk(alternative, root, path, entered)
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        yield from _walk(inner, root, (*path, str(name)), entered)
    for inner in (schema.get("additionalProperties"), schema.get("items"), *_listed(schema.get("prefixItems"))):
        yield from _walk(inner, root, (*path, ANY), entered)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _resolve(root: Mapping[str, Any], reference: str) -> Any:
    found: Any = root
    if not reference.startswith("#/"):
        return None
    for part in reference[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


class Patterns:
    """Patterns, to be followed down into data.

    Args:
        patterns: All of them.
    """

    def __init__(self, patterns: Iterable[DataPath]) -> None:
        self._root: _Node = {}
        for pattern in patterns:
            node = self._root
            for part in pattern:
                node = node.setdefault(part, {})
            node[_END] = True

    def match(self, path: DataPath) -> bool:
        """Tell whether a path is, or lies below, one of the patterns."""
        nodes = [self._root]
        for part in path:
            nodes = _below(nodes, part)
            if _is_end(nodes):
                return True
        return False

    def split(self, data: dict[str, Any], mask: str) -> tuple[dict[str, Any], dict[DataPath, Any]]:
        """Part data from its secrets.

        Args:
            data: JSON data; it is not changed.
            mask: What is put in the place of a secret.

        Returns:
            The data with masks, and the secrets by their paths. What is null is no secret.
        """
        secrets: dict[DataPath, Any] = {}

        def shown(value: Any, path: DataPath, nodes: list[_Node]) -> Any:
            if not nodes or value is None:
                return value
            if _is_end(nodes):
                secrets[path] = value
                return mask
            if isinstance(value, dict):
                return {key: shown(inner, (*path, key), _below(nodes, key)) for key, inner in value.items()}
            if isinstance(value, list):
                return [
                    shown(inner, (*path, str(index)), _below(nodes, str(index))) for index, inner in enumerate(value)
                ]
            return value

        if not self._root:
            return data, secrets
        return {key: shown(value, (key,), _below([self._root], key)) for key, value in data.items()}, secrets


def _below(nodes: list[_Node], part: str) -> list[_Node]:
    return [node[key] for node in nodes for key in {part, ANY} if key in node]


def _is_end(nodes: list[_Node]) -> bool:
    return any(_END in node for node in nodes)


def join_secrets(data: dict[str, Any], secrets: Mapping[DataPath, Any]) -> dict[str, Any]:
    """Put secrets back in their places; `data` is changed.

    Args:
        data: What `Patterns.split` gave.
        secrets: Likewise.

    Returns:
        The same data.
    """
    for path, secret in secrets.items():
        place: Any = data
        for part in path[:-1]:
            place = place[int(part)] if isinstance(place, list) else place[part]
        place[int(path[-1]) if isinstance(place, list) else path[-1]] = secret
    return data
