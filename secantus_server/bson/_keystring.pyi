from typing import Any



def key_string(value: Any, collation: Any = None) -> bytes: ...
