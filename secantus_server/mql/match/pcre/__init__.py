"""PCRE regular expressions on top of Python's `re`.

MongoDB's regular expressions are PCRE2 ones over UTF-8 text. Python's differ in syntax and in what `\\d`, `\\v` or a flag
in the middle of a pattern mean, so a pattern is parsed and written anew for `re`; what `re` cannot do is refused by name.
https://www.pcre.org/current/doc/html/pcre2pattern.html
"""

from secantus_server.mql.match.pcre.bounded import BoundedPattern
from secantus_server.mql.match.pcre.compile import CompiledPattern, compile_pattern

__all__ = ["BoundedPattern", "CompiledPattern", "compile_pattern"]
