"""Regular expressions: MongoDB's engine, PCRE2, for queries, schemas and expressions.

https://www.mongodb.com/docs/manual/reference/operator/query/regex/
"""

from secantus_server.mql.regex._pattern import Pattern
from secantus_server.mql.regex.compile import check_options, compile_pattern

__all__ = ["Pattern", "check_options", "compile_pattern"]
