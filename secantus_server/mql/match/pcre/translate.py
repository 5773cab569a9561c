"""Writes a PCRE pattern anew for Python's `re`."""

from __future__ import annotations

import sys

from secantus_server.mql.match.pcre.charsets import Ranges, posix_class, write_char, write_ranges
from secantus_server.mql.match.pcre.errors import invalid, unsupported
from secantus_server.mql.match.pcre.escapes import UNKNOWN, read_assertion, read_character, read_reference, read_set
from secantus_server.mql.match.pcre.groups import Group, open_group, read_verb
from secantus_server.mql.match.pcre.reader import Reader

# `re` also takes these two for an i, which Unicode's simple case folding does not.
TURKISH = "iI\u0130\u0131"


class Translator:
    """Translates one pattern; afterwards its attributes say what was seen.

    Arguments:
        pattern: PCRE2 syntax.
        extended: whether white space and comments do not count (option x).
        caseless: whether case does not count (option i).
    """

    def __init__(self, pattern: str, *, extended: bool, caseless: bool) -> None:
        self.reader = Reader(pattern)
        self.out: list[str] = []
        self.groups: list[Group] = [Group(extended=extended, caseless=caseless)]
        self.group_count = 0
        self.ucp = False
        self.keeps = False
        self.anchored = False
        self.literal: str | None = ""
        self.atom: int | None = None
        self.quantified = False
        # Where in the output there are choices, and whether one of them is repeated: see `bounded`.
        self.choices: list[int] = []
        self.nested = False

    def translate(self) -> str:
        """The pattern for `re`.

        Raises:
            CommandError: 51091 for an invalid pattern, 238 for what `re` has no equivalent for.
        """
        while self.reader.peek(2) == "(*":
            self._translate_verb()
        if self.reader.peek() == "^":
            self.anchored = True
            self._emit(self.reader.take())
        while not self.reader.at_end:
            self._translate_one()
        if len(self.groups) > 1:
            raise invalid("missing closing parenthesis")
        return "".join(self.out) + self.groups[0].close_flags()

    def _emit(self, text: str) -> None:
        """Write an atom: something that a quantifier can follow."""
        self.atom = len(self.out)
        self.quantified = False
        self.out.append(text)

    def _emit_special(self, text: str) -> None:
        self.literal = None
        self._emit(text)

    def _emit_char(self, code: int) -> None:
        char = chr(code)
        if self.literal is not None:
            self.literal += char
        if self.groups[-1].caseless and char in TURKISH:
            self._emit("(?-i:[iI])" if char in "iI" else f"(?-i:{write_char(code)})")
        else:
            self._emit(write_char(code))

    def _translate_one(self) -> None:
        char = self.reader.take()
        if self.groups[-1].extended and (char.isspace() or char == "#"):
            if char == "#":
                self._skip_comment()
        elif char == "\\":
            self._translate_escape()
        elif char == "[":
            self._translate_class()
        elif char == "(":
            self._translate_open()
        elif char == ")":
            self._translate_close()
        elif char == "|":
            self._translate_alternative()
        elif char in "*+?" or (char == "{" and self._is_quantifier()):
            self._translate_quantifier(char)
        elif char in ".^$":
            self._emit_special(char)
        else:
            self._emit_char(ord(char))

    def _skip_comment(self) -> None:
        while self.reader.take() not in ("\n", ""):
            pass

    # ------------------------------------------------------------ groups

    def _translate_verb(self) -> None:
        self.reader.take(2)
        found = read_verb(self.reader.until(")", "(*VERB) not recognized or malformed"))
        self.ucp = self.ucp or found == "UCP"
        if found not in ("UCP", ""):
            self._emit_special(found)

    def _translate_open(self) -> None:
        self.literal = None
        if self.reader.peek() == "*":
            self.reader.at -= 1
            self._translate_verb()
            return
        opened = open_group(self.reader, self.groups[-1])
        self.group_count += opened.captures
        if opened.group is None:
            self.out.append(opened.text)
            return
        opened.group.start = len(self.out)
        self.groups.append(opened.group)
        self.out.append(opened.text)
        self.atom = None

    def _translate_close(self) -> None:
        if len(self.groups) == 1:
            raise invalid("unmatched closing parenthesis")
        group = self.groups.pop()
        self.out.append(group.close_flags() + ")")
        self.atom = group.start
        self.quantified = False

    def _translate_alternative(self) -> None:
        # Flags set in the middle of a group hold for its later alternatives too.
        self.literal = None
        self.choices.append(len(self.out))
        self.out.append(f"{self.groups[-1].close_flags()}|{self.groups[-1].reopen_flags()}")
        self.atom = None

    # ------------------------------------------------------------ quantifiers

    def _is_quantifier(self) -> bool:
        """Whether a `{` begins a quantifier; otherwise it stands for itself."""
        stop = self.reader.text.find("}", self.reader.at)
        if stop < 0:
            return False
        low, comma, high = self.reader.text[self.reader.at : stop].partition(",")
        return low.isdecimal() and (high == "" or (bool(comma) and high.isdecimal()))

    def _translate_quantifier(self, char: str) -> None:
        if self.atom is None:
            raise invalid("quantifier does not follow a repeatable item")
        self.literal = None
        text = char if char != "{" else "{" + self._read_bounds() + "}"
        if text not in ("?", "{0}", "{1}", "{0,1}"):
            self.nested = self.nested or any(place >= self.atom for place in self.choices)
        if text[:1] != "{" or "," in text:
            self.choices.append(self.atom)
        if self.quantified:
            self.out[self.atom : len(self.out)] = ["(?:" + "".join(self.out[self.atom :]) + ")"]
        if self.reader.peek() == "?":
            text += self.reader.take()
        elif self.reader.peek() == "+":
            text += self.reader.take()
            if sys.version_info < (3, 11):
                raise unsupported("a possessive quantifier")
        self.out.append(text)
        self.quantified = True

    def _read_bounds(self) -> str:
        bounds = self.reader.until("}", "")
        if any(number and int(number) > 65535 for number in bounds.split(",")):
            raise invalid("number too big in {} quantifier")
        return bounds

    # ------------------------------------------------------------ escapes

    def _translate_escape(self) -> None:
        letter = self.reader.take()
        if not letter:
            raise invalid("\\ at end of pattern")
        if letter == "Q":
            stop = self.reader.text.find("\\E", self.reader.at)
            for char in self.reader.take((stop if stop >= 0 else len(self.reader.text)) - self.reader.at):
                self._emit_char(ord(char))
            self.reader.accept("\\E")
        elif letter == "K":
            self.literal = None
            self.keeps = True
        elif letter != "E":
            self._translate_atom_escape(letter)

    def _translate_atom_escape(self, letter: str) -> None:
        code = read_character(self.reader, letter)
        if code is not None:
            self._emit_char(code)
            return
        ranges = read_set(self.reader, letter, self.ucp)
        if ranges is not None:
            self._emit_special(f"[{write_ranges(ranges)}]")
            return
        text = read_assertion(letter, self.ucp) or read_reference(self.reader, letter, self.group_count)
        if text is None:
            raise unsupported(f"\\{letter}") if letter in "CX" else invalid(UNKNOWN)
        self._emit_special(text)

    # ------------------------------------------------------------ classes

    def _translate_class(self) -> None:
        negated = self.reader.accept("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self.reader.peek() != "]":
            if self.reader.at_end:
                raise invalid("missing terminating ] for character class")
            ranges.extend(self._read_class_item())
            first = False
        self.reader.take()
        self._emit_special(f"[{'^' if negated else ''}{write_ranges(ranges)}]" if ranges else "(?!)")

    def _read_class_item(self) -> Ranges:
        low = self._read_class_atom()
        if isinstance(low, tuple):
            return low
        if self.reader.peek() != "-" or self.reader.peek(2) in ("-]", "-"):
            return ((low, low),)
        self.reader.take()
        high = self._read_class_atom()
        if isinstance(high, tuple):
            return ((low, low), (ord("-"), ord("-")), *high)
        if high < low:
            raise invalid("range out of order in character class")
        return ((low, high),)

    def _read_class_atom(self) -> int | Ranges:
        """One character of a class, or a set of them."""
        char = self.reader.take()
        if char == "[" and self.reader.peek() in (":", ".", "="):
            return self._read_posix_class()
        if char != "\\":
            return ord(char)
        letter = self.reader.take()
        if letter == "b":
            return 8
        if not letter:
            raise invalid("\\ at end of pattern")
        if letter in "1234567":
            return int(letter + self.reader.digits("01234567", 2), 8)
        code = read_character(self.reader, letter)
        if code is not None:
            return code
        ranges = read_set(self.reader, letter, self.ucp)
        if ranges is None:
            raise invalid("escape sequence is invalid in character class")
        return ranges

    def _read_posix_class(self) -> int | Ranges:
        kind = self.reader.peek()
        stop = self.reader.text.find(kind + "]", self.reader.at + 1)
        name = self.reader.text[self.reader.at + 1 : stop] if stop >= 0 else ""
        if not name.lstrip("^").isalpha():
            return ord("[")
        if kind != ":":
            raise invalid("POSIX collating elements are not supported")
        self.reader.at = stop + 2
        return posix_class(name, self.ucp)
