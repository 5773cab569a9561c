"""Server-side JavaScript: the engine that runs the scripts of `$where`, `$function`, `$accumulator` and mapReduce.

https://www.mongodb.com/docs/manual/core/server-side-javascript/
"""

from secantus_server.javascript.engine import Engine, Function, is_installed

__all__ = ["Engine", "Function", "is_installed"]
