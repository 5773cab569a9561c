"""What follows an opening parenthesis: kinds of groups, flags for a part of the pattern, verbs."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from secantus_server.mql.match.pcre.errors import invalid, unsupported
from secantus_server.mql.match.pcre.reader import Reader

# Verbs at the beginning of a pattern that change nothing here.
IGNORED_VERBS = {"UTF", "UTF8", "LF", "NO_AUTO_POSSESS", "NO_START_OPT", "NO_JIT", "NO_DOTSTAR_ANCHOR", "NOTEMPTY", "BSR_UNICODE"}
UNSUPPORTED_VERBS = {"ACCEPT", "COMMIT", "PRUNE", "SKIP", "THEN", "CR", "CRLF", "ANYCRLF", "ANY", "NUL", "BSR_ANYCRLF"}

# Groups whose beginning `re` writes in the same way.
PLAIN = (":", "=", "!", "<=", "<!")


@dataclass
class Group:
    """A group that is open, with the flags that hold in it.

    Arguments:
        extended, caseless: the flags x and i, which the translation itself has to know.
        start: where the group begins in the output.
        flags: the flags for `re` that were set in the middle of the group, each as it opens: `(?i:`.
    """

    extended: bool = False
    caseless: bool = False
    start: int = 0
    flags: list[str] = field(default_factory=list)

    def close_flags(self) -> str:
        """Ends what was opened for flags."""
        return ")" * len(self.flags)

    def reopen_flags(self) -> str:
        """Begins it again, after a `|`."""
        return "".join(self.flags)


@dataclass(frozen=True)
class Opened:
    """What `open_group` found: the text for `re`, the new group (None if it is not one), how many groups it captures."""

    text: str
    group: Group | None
    captures: int = 0


def read_verb(verb: str) -> str:
    """What a `(*VERB)` stands for: `UCP`, nothing, or a pattern for `re`.

    Raises:
        CommandError: 51091 for an unknown verb, 238 for one that `re` cannot do.
    """
    name = verb.partition(":")[0].partition("=")[0]
    if verb == "UCP":
        return verb
    if name in ("FAIL", "F"):
        return "(?!)"
    if name in IGNORED_VERBS or name.startswith("LIMIT_"):
        return ""
    if name in UNSUPPORTED_VERBS:
        raise unsupported(f"(*{verb})")
    raise invalid("(*VERB) not recognized or malformed")


def open_group(reader: Reader, outer: Group) -> Opened:
    """Reads the beginning of a group; the reader stands behind the parenthesis.

    Raises:
        CommandError: 51091 for an invalid beginning, 238 for a kind of group that `re` has not.
    """
    inner = Group(outer.extended, outer.caseless)
    if not reader.accept("?"):
        return Opened("(", inner, 1)
    for kind in PLAIN:
        if reader.accept(kind):
            return Opened(f"(?{kind}", inner)
    if reader.accept("#"):
        reader.until(")", "missing ) after (?# comment")
        return Opened("", None)
    if reader.accept(">"):
        if sys.version_info < (3, 11):
            raise unsupported("an atomic group")
        return Opened("(?>", inner)
    if reader.accept("("):
        return Opened(f"(?({_read_condition(reader)})", inner)
    return _open_named_group(reader, inner) or _open_flags(reader, outer, inner)


def _read_condition(reader: Reader) -> str:
    condition = reader.until(")", "missing closing parenthesis for condition")
    if condition[:1] in ("<", "'"):
        condition = condition[1:-1]
    if not condition.isidentifier() and not condition.isdecimal():
        raise unsupported(f"the condition (?({condition})...)")
    return condition


def _open_named_group(reader: Reader, inner: Group) -> Opened | None:
    if reader.accept("P="):
        return Opened(f"(?P={reader.until(')', 'syntax error in subpattern name (missing terminator?)')})", None)
    for opening, closing in (("P<", ">"), ("<", ">"), ("'", "'")):
        if reader.accept(opening):
            name = reader.until(closing, "syntax error in subpattern name (missing terminator?)")
            if not name.isidentifier():
                raise invalid("subpattern name expected")
            return Opened(f"(?P<{name}>", inner, 1)
    return None


def _open_flags(reader: Reader, outer: Group, inner: Group) -> Opened:
    """`(?i)`, which holds for the rest of the group around it, or `(?i:...)`."""
    start = reader.at
    while reader.peek() and reader.peek() in "imsxnJU^-":
        reader.take()
    letters = reader.text[start : reader.at]
    end = reader.take()
    if end not in (")", ":") or letters == "":
        raise _bad_group(reader.text[start : start + 1])
    text = _flag_text(letters, outer if end == ")" else inner)
    if end == ":":
        return Opened(text, inner)
    outer.flags.append(text)
    return Opened(text, None)


def _flag_text(letters: str, group: Group) -> str:
    """Sets the flags the translation has to know; the others as `re` writes them."""
    if letters.startswith("^"):
        letters = letters[1:] + "-imsx".translate({ord(letter): "" for letter in letters[1:]})
    on, _, off = letters.partition("-")
    if set(on) & set("nU"):
        raise unsupported(f"the flag (?{on})")
    if "x" in on + off:
        group.extended = "x" in on
    if "i" in on + off:
        group.caseless = "i" in on
    kept_on = "".join(sorted(set(on) & set("ims")))
    kept_off = "".join(sorted(set(off) & set("ims") - set(on)))
    return f"(?{kept_on}{'-' if kept_off else ''}{kept_off}:"


def _bad_group(letter: str) -> Exception:
    if letter == "":
        return invalid("missing closing parenthesis")
    if letter in "R&P+0123456789":
        return unsupported("a recursive or subroutine call")
    if letter in "|C":
        return unsupported(f"(?{letter}")
    return invalid("unrecognized character after (? or (?-")
