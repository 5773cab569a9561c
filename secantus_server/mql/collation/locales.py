"""The supported locales and the rules by which their orders differ from the root order.

https://www.mongodb.com/docs/manual/reference/collation-locales-defaults/

A rule defines the order of letters in the notation of https://www.unicode.org/reports/tr35/tr35-collation.html#Rules. In this notation,
`&x` sets the position, `<` introduces a different letter, `<<` a different accent, and `<<<` a different case. `x/y` is an x that sorts
as if it were followed by y.
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.shell import document_text
from secantus_server.errors import CommandError

BY_CODE = "en_US_POSIX"
"""The locale that sorts ASCII characters by their codes."""

ROOT_LOCALES = frozenset("ca de de_AT dz en en_US fr fr_CA ga id it li lb ms nl pt sw wae zu".split())
"""The locales that use the unchanged root order."""

FIRST_SCRIPTS: dict[str, str] = {
    "el": "Grek",
    "am": "Ethi",
    "chr": "Cher",
    "hy": "Armn",
    "ka": "Geor",
    "lo": "Laoo",
    "ne": "Deva",
    **dict.fromkeys("be bg bs_Cyrl kk ky mk ru sr uk".split(), "Cyrl"),
    **dict.fromkeys("az bs hr sr_Latn".split(), "Latn Cyrl"),
}
"""For each locale, the scripts that precede all others, as ISO 15924 codes."""

_NORDIC_D_T = "&D<<đ<<<Đ<<ð<<<Ð &t<<<þ/h &T<<<Þ/H &Y<<ü<<<Ü<<ű<<<Ű"
_CARON = "&C<č<<<Č &S<š<<<Š &Z<ž<<<Ž"
_NORWEGIAN = f"{_NORDIC_D_T} &[before 1]ǀ<æ<<<Æ<<ä<<<Ä<<ę<<<Ę<ø<<<Ø<<ö<<<Ö<<ő<<<Ő<<œ<<<Œ<å<<<Å<<aa<<<Aa<<<AA"
_CROATIAN = "&C<č<<<Č<ć<<<Ć &D<dž<<<ǆ<<<Dž<<<ǅ<<<DŽ<<<Ǆ<đ<<<Đ &L<lj<<<ǉ<<<Lj<<<ǈ<<<LJ<<<Ǉ &N<nj<<<ǌ<<<Nj<<<ǋ<<<NJ<<<Ǌ &S<š<<<Š &Z<ž<<<Ž"
_TURKISH = "&C<ç<<<Ç &G<ğ<<<Ğ &[before 1]i<ı<<<I &i<<<İ &O<ö<<<Ö &S<ş<<<Ş &U<ü<<<Ü"
_HUNGARIAN_PAIRS = ("cs", "dz", "dzs", "gy", "ly", "ny", "sz", "ty", "zs")


def _hungarian() -> str:
    """Build the rules for Hungarian digraphs. A digraph is doubled by repeating only its first letter."""
    anchors = {"dzs": "DZ"}
    rules = [f"&{anchors.get(pair, pair[0].upper())}<{pair}<<<{pair.title()}<<<{pair.upper()}" for pair in _HUNGARIAN_PAIRS]
    for pair in _HUNGARIAN_PAIRS:
        for letters in (pair, pair.title(), pair.upper()):
            doubled = letters[0] + (letters[0] if letters.isupper() else letters[0].lower()) + letters[1:]
            rules.append(f"&{letters}<<<{doubled}/{letters if letters.isupper() else pair}")
    return " ".join([*rules, "&O<ö<<<Ö<<ő<<<Ő &U<ü<<<Ü<<ű<<<Ű"])


RULES: dict[str, str] = {
    "af": "&N<<<ŉ",
    "be": "&Е<ё<<<Ё &у<ў<<<Ў",
    "bs": _CROATIAN,
    "cs": f"{_CARON} &H<ch<<<cH<<<Ch<<<CH &R<ř<<<Ř",
    "cy": "&C<ch<<<Ch<<<CH &D<dd<<<Dd<<<DD &F<ff<<<Ff<<<FF &G<ng<<<Ng<<<NG &L<ll<<<Ll<<<LL &P<ph<<<Ph<<<PH &R<rh<<<Rh<<<RH &T<th<<<Th<<<TH",
    "da": "&D<<đ<<<Đ<<ð<<<Ð &th<<<þ &TH<<<Þ &Y<<ü<<<Ü<<ű<<<Ű &[before 1]ǀ<æ<<<Æ<<ä<<<Ä<ø<<<Ø<<ö<<<Ö<<ő<<<Ő<å<<<Å<<<aa<<<Aa<<<AA &oe<<œ<<<Œ",
    "de@collation=phonebook": "&AE<<ä<<<Ä &OE<<ö<<<Ö &UE<<ü<<<Ü",
    "eo": "&C<ĉ<<<Ĉ &G<ĝ<<<Ĝ &H<ĥ<<<Ĥ &J<ĵ<<<Ĵ &S<ŝ<<<Ŝ &U<ŭ<<<Ŭ",
    "es": "&N<ñ<<<Ñ",
    "es@collation=traditional": "&N<ñ<<<Ñ &C<ch<<<Ch<<<CH &l<ll<<<Ll<<<LL",
    "et": "&[before 1]T<š<<<Š<z<<<Z<ž<<<Ž &[before 1]X<õ<<<Õ<ä<<<Ä<ö<<<Ö<ü<<<Ü",
    "fi": "&D\u0335<<đ<<<Đ &G\u0335<<ǥ<<<Ǥ &N\u0335<<ŋ<<<Ŋ &T\u0335<<ŧ<<<Ŧ &Y<<ü<<<Ü &Z\u0335<<ʒ<<<Ʒ"
    " &[before 1]ǀ<å<<<Å<ä<<<Ä<<æ<<<Æ<ö<<<Ö<<ø<<<Ø",
    "fil": "&N<ñ<<<Ñ<ng<<<Ng<<<NG",
    "fo": _NORWEGIAN.replace("<<aa<<<Aa", "<<<aa<<<Aa"),
    "gl": "&N<ñ<<<Ñ",
    "haw": "&a<e<<<E<i<<<I<o<<<O<u<<<U &w<ʻ",
    "hr": _CROATIAN,
    "hsb": f"{_CARON} &C<č<<<Č<ć<<<Ć &E<ě<<<Ě &H<ch<<<cH<<<Ch<<<CH &[before 1]L<ł<<<Ł &R<ř<<<Ř &Z<ž<<<Ž<ź<<<Ź",
    "hu": _hungarian(),
    "is": "&[before 1]b<á<<<Á &d<<đ<<<Đ<ð<<<Ð &[before 1]f<é<<<É &[before 1]j<í<<<Í &[before 1]p<ó<<<Ó &[before 1]v<ú<<<Ú"
    " &[before 1]z<ý<<<Ý &[before 1]ǀ<æ<<<Æ<<ä<<<Ä<ö<<<Ö<<ø<<<Ø<å<<<Å",
    "kk": "&Е<ё<<<Ё &Ұ<ү<<<Ү &[before 1]ь<і<<<І",
    "ky": "&е<ё<<<Ё",
    "ln": "&E<ɛ<<<Ɛ &O<<ɔ<<<Ɔ",
    "mk": "&ԃ<ѓ<<<Ѓ &ћ<ќ<<<Ќ",
    "nb": _NORWEGIAN,
    "nn": _NORWEGIAN,
    "pl": "&A<ą<<<Ą &C<ć<<<Ć &E<ę<<<Ę &L<ł<<<Ł &N<ń<<<Ń &O<ó<<<Ó &S<ś<<<Ś &Z<ź<<<Ź<ż<<<Ż",
    "ro": "&A<ă<<<Ă<â<<<Â &I<î<<<Î &S<ş=ș<<<Ş=Ș &T<ţ=ț<<<Ţ=Ț",
    "sk": f"{_CARON} &A<ä<<<Ä &H<ch<<<cH<<<Ch<<<CH &O<ô<<<Ô &R<ř<<<Ř",
    "sl": "&C<č<<<Č<ć<<<Ć &D<đ<<<Đ &S<š<<<Š &Z<ž<<<Ž",
    "sq": "&[before 1]D<ç<<<Ç &[before 1]E<dh<<<Dh<<<DH &[before 1]F<ë<<<Ë &[before 1]H<gj<<<Gj<<<GJ &[before 1]M<ll<<<Ll<<<LL"
    " &[before 1]O<nj<<<Nj<<<NJ &[before 1]S<rr<<<Rr<<<RR &[before 1]T<sh<<<Sh<<<SH &[before 1]U<th<<<Th<<<TH"
    " &[before 1]Y<xh<<<Xh<<<XH &[before 1]Ʒ<zh<<<Zh<<<ZH",
    "sr_Latn": _CROATIAN,
    "sv": f"{_NORDIC_D_T} &[before 1]ǀ<å<<<Å<ä<<<Ä<<æ<<<Æ<<ę<<<Ę<ö<<<Ö<<ø<<<Ø<<ő<<<Ő<<œ<<<Œ<<ô<<<Ô",
    "tr": _TURKISH,
    "az": f"{_TURKISH} &K<q<<<Q &E<ə<<<Ə &H<x<<<X &Z<w<<<W",
    "dsb": "&C<č<<<Č<ć<<<Ć &E<ě<<<Ě &H<ch<<<cH<<<Ch<<<CH &[before 1]L<ł<<<Ł &N<ń<<<Ń &R<ŕ<<<Ŕ &S<š<<<Š<ś<<<Ś &Z<ž<<<Ž<ź<<<Ź",
    "ee": "&\u030c<<\u0302 &D<dz<<<Dz<<<DZ<ɖ<<<Ɖ &E<ɛ<<<Ɛ &F<ƒ<<<Ƒ &G<gb<<<Gb<<<GB<ɣ<<<Ɣ &H<x<<<X &K<kp<<<Kp<<<KP &N<ny<<<Ny<<<NY<ŋ<<<Ŋ"
    " &O<ɔ<<<Ɔ &T<ts<<<Ts<<<TS &V<ʋ<<<Ʋ",
    "ha": "&B<ɓ<<<Ɓ &D<ɗ<<<Ɗ &K<ƙ<<<Ƙ &S<sh<<<Sh<<<SH &T<ts<<<Ts<<<TS &Y<ƴ<<<ʼy<<<'y<<<Ƴ<<<ʼY<<<'Y",
    "hy": "&եվ<<<և",
    "ig": "&B<ch<<<Ch<<<CH &G<gb<<<Gb<<<GB<gh<<<Gh<<<GH<gw<<<Gw<<<GW &I<ị<<<Ị &K<kp<<<Kp<<<KP<kw<<<Kw<<<KW"
    " &N<ṅ<<<Ṅ<nw<<<Nw<<<NW<ny<<<Ny<<<NY &O<ọ<<<Ọ &S<sh<<<Sh<<<SH &U<ụ<<<Ụ",
    "kl": "&D<<đ<<<Đ<<ð<<<Ð &Q<<ĸ<<<K' &t<<<þ/h &T<<<Þ/H &Y<<ü<<<Ü<<ű<<<Ű"
    " &[before 1]ǀ<æ<<<Æ<<ä<<<Ä<<ę<<<Ę<ø<<<Ø<<ö<<<Ö<<ő<<<Ő<<œ<<<Œ<å<<<Å",
    "lkt": "&C<č<<<Č &G<ǧ<<<Ǧ &H<ȟ<<<Ȟ &S<š<<<Š &Z<ž<<<Ž",
    "lt": "&\u0300=\u0307\u0300 &\u0301=\u0307\u0301 &\u0303=\u0307\u0303 &A<<ą<<<Ą &C<č<<<Č &E<<ę<<<Ę<<ė<<<Ė &I<<į<<<Į<<y<<<Y &S<š<<<Š"
    " &U<<ų<<<Ų<<ū<<<Ū &Z<ž<<<Ž",
    "lv": "&[before 1]D<č<<<Č &[before 1]H<ģ<<<Ģ &I<<y<<<Y &[before 1]L<ķ<<<Ķ &[before 1]M<ļ<<<Ļ &[before 1]O<ņ<<<Ņ &[before 1]S<ŗ<<<Ŗ"
    " &[before 1]T<š<<<Š &[before 1]Ʒ<ž<<<Ž",
    "mt": "&[before 1]c<ċ<<<Ċ &[before 1]g<ġ<<<Ġ &[before 1]h<għ<<<gĦ<<<Għ<<<GĦ &[before 1]i<ħ<<<Ħ &[before 1]z<ż<<<Ż",
    "om": "&Z<ch<<<Ch<<<CH<dh<<<Dh<<<DH<kh<<<Kh<<<KH<ny<<<Ny<<<NY<ph<<<Ph<<<PH<sh<<<Sh",
    "se": "&[before 1]b<á<<<Á &[before 1]d<č<<<Č<ʒ<<<Ʒ<ǯ<<<Ǯ &[before 1]e<đ<<<Đ<<ð<<<Ð &[before 1]h<ǧ<<<Ǧ<ǥ<<<Ǥ &[before 1]l<ǩ<<<Ǩ"
    " &[before 1]o<ŋ<<<Ŋ<<ń<<<Ń<<ñ<<<Ñ &[before 1]t<š<<<Š &[before 1]u<ŧ<<<Ŧ<<þ<<<Þ &y<<ü<<<Ü<<ű<<<Ű &[before 1]ǀ<ž<<<Ž<ø<<<Ø<<œ<<<Œ<æ<<<Æ"
    "<å<<<Å<<ȧ<<<Ȧ<ä<<<Ä<<ã<<<Ã<ö<<<Ö<<ő<<<Ő<<õ<<<Õ<<ô<<<Ô<<ǫ<<<Ǫ",
    "smn": "&A<â<<<Â<<à<<<À &C<č<<<Č &D<đ<<<Đ &Ŋ<<ñ<<<Ñ<<ń<<<Ń &S<š<<<Š &Z<ž<<<Ž<æ<<<Æ<ø<<<Ø<å<<<Å<ã<<<Ã<ä<<<Ä<á<<<Á<ö<<<Ö",
    "to": "&n<ng<<<Ng<<<NG<<<ŋ<<<Ŋ &z<ʻ<<<ʽ &a<<á<<<Á<<ā<<<Ā &e<<é<<<É<<ē<<<Ē &i<<í<<<Í<<ī<<<Ī &o<<ó<<<Ó<<ō<<<Ō &u<<ú<<<Ú<<ū<<<Ū",
    "uk": "&Г<ґ<<<Ґ &ꙇ<ї<<<ꙶ<<<Ї",
    "vi": "&\u0300<<\u0309<<\u0303<<\u0301<<\u0323 &a<ă<<<Ă<â<<<Â &d<đ<<<Đ &e<ê<<<Ê &o<ô<<<Ô<ơ<<<Ơ &u<ư<<<Ư",
    "yo": "&E<ẹ<<<Ẹ &G<gb<<<Gb<<<GB &O<ọ<<<Ọ &S<ṣ<<<Ṣ",
}  # fmt: skip

SHORT_I = frozenset(["\u0438\u0306", "\u0418\u0306"])
DROPPED_CONTRACTIONS = {"bs_Cyrl": SHORT_I, "mk": SHORT_I, "sr": SHORT_I}
"""For each locale, the contractions of the root order that the locale does not use.

The locale sorts such a letter as another letter with an accent.
"""

_SEARCH = "az bs ca cs da de eo es fi gl he hr is kl ko nb nn se sk smn sr_Latn sv tr yi"
STORED = frozenset(
    "ar as bn bo fa fa_AF gu he hi ja km kn ko kok ml mn mr my or pa ps si ta te th ug ur yi".split()
    + [f"{locale}@collation=search" for locale in _SEARCH.split()]
    + [f"zh{script}@collation={order}" for script in ("", "_Hant") for order in "big5han gb2312han pinyin stroke unihan zhuyin".split()]
    + "ar@collation=compat bn@collation=traditional de@collation=eor de_AT@collation=phonebook fi@collation=traditional".split()
    + "ja@collation=unihan kn@collation=traditional ko@collation=searchjl ko@collation=unihan ln@collation=phonetic".split()
    + "si@collation=dictionary vi@collation=traditional zh zh_Hant".split()
)
"""The locales whose tailorings are in the file of the module `stored`."""

_NORMALIZED = "as bn bo el fa fa_AF gu he hi ig km kn kok mr my or pa ps si ta te vi yi yo".split()
LOCALE_DEFAULTS: dict[str, dict[str, Any]] = {
    "da": {"case_first": "upper"},
    "fr_CA": {"backwards": True},
    "mt": {"case_first": "upper"},
    "th": {"alternate": "shifted", "normalization": True},
    **{locale: {"normalization": True} for locale in _NORMALIZED},
    **{locale: {"normalization": True} for locale in STORED if "=search" in locale},
}
"""For each locale, the options whose defaults differ from the general ones, with these defaults."""

_VARIANTS = frozenset(
    "big5han compat dictionary emoji eor gb2312han phonebook phonetic pinyin reformed search searchjl standard stroke"
    " traditional unihan zhuyin".split()
)
SUPPORTED = ROOT_LOCALES | RULES.keys() | FIRST_SCRIPTS.keys() | STORED | {BY_CODE}
"""All supported locales."""


def locale_defaults(locale: str) -> dict[str, Any]:
    """Return the default options of a locale that differ from the general defaults."""
    return LOCALE_DEFAULTS.get(locale, LOCALE_DEFAULTS.get(locale.partition("@")[0], {}))


def check_locale(document: dict[str, Any]) -> bool:
    """Return whether Secantus supports the locale of a collation document.

    Raises:
        CommandError: 2 if MongoDB does not know the locale either.
    """
    name = document["locale"]
    base, _, keyword = name.partition("@")
    variant = keyword.removeprefix("collation=")
    if base not in SUPPORTED or (keyword and (variant == keyword or variant not in _VARIANTS)):
        raise CommandError(2, f"Field 'locale' is invalid in: {document_text(document)}")
    return name in SUPPORTED
