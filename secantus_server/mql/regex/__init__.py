"""Regular expressions for queries, schemas and expressions. They are matched by PCRE2, which MongoDB also uses.

https://www.mongodb.com/docs/manual/reference/operator/query/regex/
"""

from secantus_server.mql.regex._pattern import Pattern
from secantus_server.mql.regex.compile import check_options, compile_pattern

__all__ = ["Pattern", "check_options", "compile_pattern"]
