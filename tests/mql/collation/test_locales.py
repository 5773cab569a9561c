"""Alphabets that differ from the root order."""

from __future__ import annotations

from itertools import pairwise

import pytest

from secantus_server.errors import CommandError
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.collation.locales import SUPPORTED


@pytest.mark.parametrize(
    ("locale", "texts"),
    [
        ("cs", "c č d h ch i r ř s š z ž"),
        ("da", "a B Z z Æ æ Ä ä Ø ø Å Aa å aa"),
        ("de", "a ä b o ö p s ß t"),
        ("de@collation=phonebook", "ad ä af"),
        ("el", "1 α ω a z а"),
        ("es", "n ñ o"),
        ("es@collation=traditional", "cz ch d lz ll m n ñ o"),
        ("en_US_POSIX", "1 A B Z a b é z"),
        ("dsb", "c č ć d e ě f h ch i z ž ź"),
        ("ka", "1 ა ბ a α"),
        ("lt", "i y j s š t z ž"),
        ("lv", "c č d g ģ h i y j"),
        ("mt", "B b ċ C c ġ g"),
        ("ar", "1 ء ب ة ت ى ي a"),
        ("ar@collation=compat", "1 ت ة ي ى a"),
        ("bn", "1 ঔ ং ঃ ঁ ক अ a"),
        ("fa", "1 آ ا ء أ ب ک گ a"),
        ("hi", "1 ॐ ं ँ ः अ ক a"),
        ("th", "1 ก แก ข เข แข ค a"),
        ("th", "กก กา เกา ข"),
        ("my", "1 က ခ က် a"),
        ("ml", "1 അ ക a अ"),
        ("yi", "1 א ב בֿ a"),
        ("de@collation=eor", "a ᴀ ⱥ b"),
        ("de_AT@collation=phonebook", "az ä b"),
        ("vi@collation=traditional", "cz ch d"),
        ("ko", "1 가 伽 佳 각 各 亜 a ㄅ"),
        ("ja", "1 a あ か カー かあ 亜 唖 一 α"),
        ("ja@collation=unihan", "a あ 一 丁 亜 α"),
        ("en", "a あ 一 丁 㐀 二 𠄠 亜"),
        ("zh", "虫 重庆 重 a"),
        ("zh@collation=big5han", "a 一 乙 ㄅ α"),
        ("zh@collation=gb2312han", "a 啊 阿 α ㄅ"),
        ("zh@collation=unihan", "1 一 丁 丂 ㄅ a"),
        ("zh@collation=zhuyin", "1 八 波 ㄅ a"),
        ("zh", "1 阿 八 丁 一 ā á ǎ à a b ㄅ"),
        ("zh_Hant", "1 一 丁 阿 ㄅ ā a b"),
        ("et", "s š z ž t w õ ä ö ü x"),
        ("fi", "a z å ä ö"),
        ("fr_CA", "cote côte coté côté"),
        ("hr", "c č ć d dž đ lz lj nz nj ž а α"),
        ("hu", "c cs ccs d dz dzs o ö ő p u ü z zs"),
        ("is", "a á b d ð e y ý z æ ö å"),
        ("nb", "a z æ ø å aa"),
        ("pl", "a ą b l ł n ń o ó z ź ż"),
        ("ro", "a ă â b i î s ș t ț"),
        ("ru", "1 а е ё ж и й я a z α"),
        ("sr", "и й к a"),
        ("sk", "a ä h ch i o ô z ž"),
        ("sv", "a d đ y ü z å ä æ ö ø"),
        ("tr", "h ı I i İ j o ö"),
        ("uk", "г ґ д і ї й"),
        ("vi", "a à ả ã á ạ ă â b d đ"),
    ],
)
def test_order(locale: str, texts: str) -> None:
    collation = parse_collation({"locale": locale})
    assert collation is not None
    for text, after in pairwise(texts.split()):
        assert collation.sort_key(text) < collation.sort_key(after), (text, after)


@pytest.mark.parametrize(
    ("locale", "text", "equal", "different"),
    [
        ("sv", "a", "á", "å"),
        ("tr", "I", "ı", "i"),
        ("da", "å", "Å", "a"),
        ("ro", "ş", "ș", "s"),
        ("hu", "ő", "Ö", "o"),
    ],
)
def test_first_level(locale: str, text: str, equal: str, different: str) -> None:
    collation = parse_collation({"locale": locale, "strength": 1})
    assert collation is not None
    assert collation.sort_key(text) == collation.sort_key(equal)
    assert collation.sort_key(text) != collation.sort_key(different)


def test_katakana_follows_hiragana_at_the_fourth_level() -> None:
    fourth, third = parse_collation({"locale": "ja", "strength": 4}), parse_collation({"locale": "ja"})
    assert fourth is not None
    assert third is not None
    assert fourth.sort_key("あか") < fourth.sort_key("あカ") < fourth.sort_key("アか")
    assert third.sort_key("あか") == third.sort_key("アカ")


def test_a_search_locale_ignores_repeated_consonants() -> None:
    collation = parse_collation({"locale": "ko@collation=searchjl", "strength": 1})
    assert collation is not None
    assert collation.sort_key("ᄀᄀᄀ") == collation.sort_key("ᄀ")


@pytest.mark.parametrize("locale", sorted(SUPPORTED))
def test_every_supported_locale_works(locale: str) -> None:
    collation = parse_collation({"locale": locale})
    assert collation is not None
    assert collation.document()["locale"] == locale
    assert collation.sort_key("b") < collation.sort_key("c")


@pytest.mark.parametrize("locale", ["en@collation=search", "fr@collation=phonebook", "sv@collation=reformed"])
def test_locales_that_are_not_supported_say_so(locale: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_collation({"locale": locale})
    assert caught.value.code == 238
    assert caught.value.message.startswith(f"the collation of the locale '{locale}' is not supported by Secantus yet: ")
