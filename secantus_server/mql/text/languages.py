"""The languages of text indexes: their names, stop words and stemmers.

https://www.mongodb.com/docs/manual/reference/text-search-languages/
The stemmers and stop words are Snowball's. Both are loaded when a language is first used. https://snowballstem.org/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

from secantus_server.system.files import list_directory, package_data, parent

# Each language and its ISO 639-1 code.
_CODES = {
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "hungarian": "hu",
    "italian": "it",
    "norwegian": "nb",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "turkish": "tr",
}
# In Snowball 3, the name `dutch` refers to another algorithm.
_ALGORITHMS = {"dutch": "dutch_porter"}
#: The language without stop words and stems.
NO_LANGUAGE = "none"
#: Every accepted name, in lower case, and its language.
LANGUAGES = {**{name: name for name in _CODES}, **{code: name for name, code in _CODES.items()}, NO_LANGUAGE: NO_LANGUAGE}

# The number of words per language whose stems are cached.
_KEPT_STEMS = 50_000


@cache
def _stop_words() -> dict[str, frozenset[str]]:
    # Imported at first use, because these modules take several milliseconds.
    import zlib

    lines = zlib.decompress(package_data(__package__, "stop_words.z")).decode().splitlines()
    return {words[0]: frozenset(words[1:]) for words in map(str.split, lines)}


def stop_words(language: str) -> frozenset[str]:
    """Return the words of a language, in lower case, that are not indexed."""
    return frozenset() if language == NO_LANGUAGE else _stop_words()[language]


@cache
def stemmer(language: str) -> Callable[[str], str]:
    """Return the function that maps a word to its stem.

    Threads: a stemmer has a state, so each word that is not in the cache is stemmed by a new one.
    """
    if language == NO_LANGUAGE:
        return _same
    # Imported at first use: it takes about 20 ms.
    from snowballstemmer import stemmer as make_stemmer

    @lru_cache(_KEPT_STEMS)
    def stem(word: str) -> str:
        if not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
            return word  # PyStemmer raises for bytes that are not UTF-8.
        return str(make_stemmer(_ALGORITHMS.get(language, language)).stemWord(word))

    return stem


def _same(word: str) -> str:
    return word


@cache
def stems_version() -> str:
    """Return the version of the stemmers. The entries of text indexes depend on it."""
    # Imported at first use, as above. `importlib.metadata` takes several milliseconds, and finds nothing while a test replaces the files.
    import snowballstemmer

    prefix, suffix = "snowballstemmer-", ".dist-info"
    for name in sorted(list_directory(parent(parent(snowballstemmer.__file__)))):
        if name.startswith(prefix) and name.endswith(suffix):
            return name[len(prefix) : -len(suffix)]
    from importlib.metadata import version

    return version("snowballstemmer")
