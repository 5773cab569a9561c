"""The characters that separate words, and the diacritics that a search ignores.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-text/text-index-properties/

Both sets are defined by properties in Unicode's PropList.txt: https://www.unicode.org/Public/UCD/latest/ucd/PropList.txt
"""

from __future__ import annotations

import re
from functools import cache
from unicodedata import normalize

# The separators beyond ASCII, as hexadecimal code points: the characters with the property Dash, Hyphen, Pattern_Syntax, Quotation_Mark,
# Terminal_Punctuation or White_Space.
_SEPARATORS = """
85 A0-A7 A9 AB-AE B0-B1 B6 BB BF D7 F7 37E 387 589-58A 5BE 5C3 60C 61B 61D-61F 6D4 700-70A 70C 7F8-7F9 830-83E 85E 964-965 E5A-E5B F08
F0D-F12 104A-104B 1361-1368 1400 166E 1680 16EB-16ED 1735-1736 17D4-17D6 17DA 1802-1806 1808-1809 1944-1945 1AA8-1AAB 1B5A-1B5B
1B5D-1B5F 1B7D-1B7E 1C3B-1C3F 1C7E-1C7F 2000-200A 2010-2029 202F-203E 2041-2053 2055-205F 207B 208B 2190-245F 2500-2775 2794-2BFF
2E00-2E7F 3000-3003 3008-3020 3030 30A0 30FB A4FE-A4FF A60D-A60F A6F3-A6F7 A876-A877 A8CE-A8CF A92F A9C7-A9C9 AA5D-AA5F AADF AAF0-AAF1
ABEB FD3E-FD3F FE31-FE32 FE41-FE46 FE50-FE52 FE54-FE58 FE63 FF01-FF02 FF07 FF0C-FF0E FF1A-FF1B FF1F FF61-FF65 1039F 103D0 10857 1091F
10A56-10A57 10AF0-10AF5 10B3A-10B3F 10B99-10B9C 10EAD 10F55-10F59 10F86-10F89 11047-1104D 110BE-110C1 11141-11143 111C5-111C6 111CD
111DE-111DF 11238-1123C 112A9 1144B-1144D 1145A-1145B 115C2-115C5 115C9-115D7 11641-11642 1173C-1173E 11944 11946 11A42-11A43
11A9B-11A9C 11AA1-11AA2 11C41-11C43 11C71 11EF7-11EF8 12470-12474 16A6E-16A6F 16AF5 16B37-16B39 16B44 16E97-16E98 1BC9F 1DA87-1DA8A
"""
# The diacritics beyond ASCII: the characters with the property Diacritic.
_DIACRITICS = """
A8 AF B4 B7-B8 2B0-34E 350-357 35D-362 374-375 37A 384-385 483-487 559 591-5A1 5A3-5BD 5BF 5C1-5C2 5C4 64B-652 657-658 6DF-6E0 6E5-6E6
6EA-6EC 730-74A 7A6-7B0 7EB-7F5 818-819 898-89F 8C9-8D2 8E3-8FE 93C 94D 951-954 971 9BC 9CD A3C A4D ABC ACD AFD-AFF B3C B4D B55 BCD
C3C C4D CBC CCD D3B-D3C D4D DCA E47-E4C E4E EBA EC8-ECC F18-F19 F35 F37 F39 F3E-F3F F82-F84 F86-F87 FC6 1037 1039-103A 1063-1064
1069-106D 1087-108D 108F 109A-109B 135D-135F 1714-1715 17C9-17D3 17DD 1939-193B 1A75-1A7C 1A7F 1AB0-1ABE 1AC1-1ACB 1B34 1B44 1B6B-1B73
1BAA-1BAB 1C36-1C37 1C78-1C7D 1CD0-1CE8 1CED 1CF4 1CF7-1CF9 1D2C-1D6A 1DC4-1DCF 1DF5-1DFF 1FBD 1FBF-1FC1 1FCD-1FCF 1FDD-1FDF 1FED-1FEF
1FFD-1FFE 2CEF-2CF1 2E2F 302A-302F 3099-309C 30FC A66F A67C-A67D A67F A69C-A69D A6F0-A6F1 A700-A721 A788-A78A A7F8-A7F9 A8C4 A8E0-A8F1
A92B-A92E A953 A9B3 A9C0 A9E5 AA7B-AA7D AABF-AAC2 AAF6 AB5B-AB5F AB69-AB6B ABEC-ABED FB1E FE20-FE2F FF3E FF40 FF70 FF9E-FF9F FFE3
102E0 10780-10785 10787-107B0 107B2-107BA 10AE5-10AE6 10D22-10D27 10F46-10F50 10F82-10F85 11046 11070 110B9-110BA 11133-11134 11173
111C0 111CA-111CC 11235-11236 112E9-112EA 1133C 1134D 11366-1136C 11370-11374 11442 11446 114C2-114C3 115BF-115C0 1163F 116B6-116B7
1172B 11839-1183A 1193D-1193E 11943 119E0 11A34 11A47 11A99 11C3F 11D42 11D44-11D45 11D97 16AF0-16AF4 16B30-16B36 16F8F-16F9F
16FF0-16FF1 1AFF0-1AFF3 1AFF5-1AFFB 1AFFD-1AFFE 1CF00-1CF2D 1CF30-1CF46 1D167-1D169 1D16D-1D172 1D17B-1D182 1D185-1D18B 1D1AA-1D1AD
1E130-1E136 1E2AE 1E2EC-1E2EF 1E8D0-1E8D6 1E944-1E946 1E948-1E94A
"""
# In ASCII, the same properties include all punctuation except the underscore. The null character separates words, too.
_ASCII_SEPARATORS = r"\x00\t-\r !-/:-@\[-\^`{-~"


def _class_of(ranges: str) -> str:
    """Convert ranges of hexadecimal code points to the content of a regular expression's character class."""
    pairs = [part.partition("-") for part in ranges.split()]
    return "".join(f"\\U{int(low, 16):08x}" + (f"-\\U{int(high, 16):08x}" if high else "") for low, _, high in pairs)


@cache
def word_pattern(*, ascii_only: bool, english: bool) -> re.Pattern[str]:
    """Return the regular expression that matches a word. In English, a word may contain an apostrophe.

    Arguments:
        ascii_only: whether only ASCII characters separate words.
    """
    in_ascii = _ASCII_SEPARATORS.replace("!-/", "!-&(-/") if english else _ASCII_SEPARATORS
    return re.compile(f"[^{in_ascii}{'' if ascii_only else _class_of(_SEPARATORS)}]+")


@cache
def _diacritic_pattern() -> re.Pattern[str]:
    return re.compile(f"[{_class_of(_DIACRITICS)}]+")


def without_diacritics(text: str) -> str:
    """Return a text without its diacritics."""
    if text.isascii():
        return text
    return normalize("NFC", _diacritic_pattern().sub("", normalize("NFD", text)))


def lower_case(text: str, *, turkish: bool = False) -> str:
    """Convert a text to lower case by simple case folding, which preserves the number of characters."""
    if text.isascii() and not turkish:
        return text.lower()
    if turkish:
        text = text.replace("I", "\u0131").replace("\u0130", "i")
    # U+0130 is the only character without a simple lower case. A final sigma is replaced with the usual one.
    return "".join(c if c == "\u0130" else c.lower() for c in text).replace("\u03c2", "\u03c3")


def lower_case_ascii(text: str) -> str:
    """Convert the letters A to Z in a text to lower case."""
    return text.lower() if text.isascii() else "".join(c.lower() if c < "\x80" else c for c in text)
