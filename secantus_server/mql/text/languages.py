"""The languages of text indexes, with their names, stop words and stemmers.

https://www.mongodb.com/docs/manual/reference/text-search-languages/
The stemmers and stop words are from Snowball and are loaded when a language is first used. https://snowballstem.org/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

from secantus_server.system.files import list_directory, package_data, parent

# The languages with their ISO 639-1 codes.
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
#: The languages by accepted name in lower case.
LANGUAGES = {**{name: name for name in _CODES}, **{code: name for name, code in _CODES.items()}, NO_LANGUAGE: NO_LANGUAGE}

# The maximum number of words per language whose stems are cached.
_KEPT_STEMS = 50_000


@cache
def _stop_words() -> dict[str, frozenset[str]]:
    # Imported on first use, because importing these modules takes several milliseconds.
    import zlib

    lines = zlib.decompress(package_data(__package__, "stop_words.z")).decode().splitlines()
    return {words[0]: frozenset(words[1:]) for words in map(str.split, lines)}


def stop_words(language: str) -> frozenset[str]:
    """Return the stop words of a language in lower case. Stop words are not indexed."""
    return frozenset() if language == NO_LANGUAGE else _stop_words()[language]


@cache
def stemmer(language: str) -> Callable[[str], str]:
    """Return a function that maps a word of a language to its stem.

    Threads: the function is thread-safe. Snowball's stemmers have state, so the function creates a new stemmer for each word that is not
    cached.
    """
    if language == NO_LANGUAGE:
        return _same
    # Imported on first use, because the import takes about 20 ms.
    from snowballstemmer import stemmer as make_stemmer

    @lru_cache(_KEPT_STEMS)
    def stem(word: str) -> str:
        if not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
            return word  # PyStemmer raises an error for bytes that are not UTF-8.
        return str(make_stemmer(_ALGORITHMS.get(language, language)).stemWord(word))

    return stem


def _same(word: str) -> str:
    return word


@cache
def stems_version() -> str:
    """Return the version of the stemmers. The entries of text indexes depend on it and are rebuilt if it changes."""
    # Imported on first use, as above. The version is not read with `importlib.metadata`, which takes several milliseconds and finds nothing
    # while a test replaces the file system.
    import snowballstemmer

    prefix, suffix = "snowballstemmer-", ".dist-info"
    for name in sorted(list_directory(parent(parent(snowballstemmer.__file__)))):
        if name.startswith(prefix) and name.endswith(suffix):
            return name[len(prefix) : -len(suffix)]
    from importlib.metadata import version

    return version("snowballstemmer")
