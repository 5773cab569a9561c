"""Splits and validates the dotted paths of an update, and defines the order in which they are applied.

https://www.mongodb.com/docs/manual/reference/operator/update/#update-operators-with-string-and-numeric-field-names
"""

from __future__ import annotations

from secantus_server.errors import CommandError


def is_identifier(component: str) -> bool:
    """Return whether a path component is `$[]` or `$[identifier]`."""
    return component.startswith("$[") and component.endswith("]")


def split_path(path: str) -> list[str]:
    """Split an update path into its components.

    Raises:
        CommandError: 56 for an empty component, 2 for a misplaced positional operator.
    """
    if not path:
        raise CommandError(56, "An empty update path is not valid.")
    components = path.split(".")
    if "" in components:
        raise CommandError(56, f"The update path '{path}' contains an empty field name, which is not allowed.")
    _check_positional(path, components)
    return components


def _check_positional(path: str, components: list[str]) -> None:
    if components[0] == "$":
        raise CommandError(2, f"Cannot have positional (i.e. '$') element in the first position in path '{path}'")
    if is_identifier(components[0]):
        raise CommandError(2, f"Cannot have array filter identifier (i.e. '$[<id>]') element in the first position in path '{path}'")
    if components.count("$") > 1:
        raise CommandError(2, f"Too many positional (i.e. '$') elements found in path '{path}'")


def dollar_prefixed(name: str, path: str) -> CommandError:
    """Return the error for a field name that must not start with `$`."""
    return CommandError(
        52,
        f"The dollar ($) prefixed field '{name}' in '{path}' is not allowed in the context of an update's replacement document. "
        "Consider using an aggregation pipeline with $replaceWith.",
    )


def altered_id(path: str) -> CommandError:
    """Return the error for an operator that would change the `_id`."""
    return CommandError(66, f"Performing an update on the path '{path}' would modify the immutable field '_id'")


def order_key(component: str) -> tuple[int, int, str]:
    """Return the key by which fields of the same parent are sorted. Numbers are sorted by value and precede names, which are sorted by
    bytes.
    """
    if component.isascii() and component.isdigit():
        return 0, int(component), component
    return 1, 0, component


def stable_prefix(components: list[str]) -> str:
    """Return the part of a path before the first array index or positional operator. This part is the same for all updated documents."""
    kept = components[:1]
    for component in components[1:]:
        if component.startswith("$") or component.isdigit():
            break
        kept.append(component)
    return ".".join(kept)
