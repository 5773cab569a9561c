"""Recognises field paths in expressions as the user wrote them, without the parser of expressions.

https://www.mongodb.com/docs/manual/meta/aggregation-quick-reference/#field-paths
"""

from __future__ import annotations

from typing import Any


def is_field_path(spec: Any) -> bool:
    """Return whether an expression, as the user wrote it, is a path into the document such as `$a.b`, and not a variable."""
    return type(spec) is str and spec.startswith("$") and not spec.startswith("$$")
