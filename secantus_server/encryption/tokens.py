"""The derivation of tokens, and the cipher of the values that only the server encrypts.

A token is a key of 32 bytes. The client derives the first tokens from its data keys and the plaintext, and the server derives further
tokens from those. libmongocrypt documents the derivations in mc-tokens-private.h.
"""

from __future__ import annotations

import hmac
import importlib
import struct
from functools import cache
from typing import Any

from secantus_server.errors import CommandError

TOKEN_BYTES = 32
IV_BYTES = 16
_NUMBER = struct.Struct("<Q")
_PAIR = struct.Struct("<QQ")


def derive(token: bytes, number: int) -> bytes:
    """Return the token that is derived from another token and a number."""
    return hmac.digest(token, _NUMBER.pack(number), "sha256")


def derive_pair(token: bytes, first: int, second: int) -> bytes:
    """Return the token that is derived from another token and two numbers."""
    return hmac.digest(token, _PAIR.pack(first, second), "sha256")


def tag_of(edc: bytes, count: int) -> bytes:
    """Return the tag of the `count`-th document that has a value.

    Arguments:
        edc: the value's token for the encrypted data collection, derived with the contention factor.
    """
    return derive(derive(edc, 1), count)


def encrypt(token: bytes, plaintext: bytes, iv: bytes) -> bytes:
    """Encrypt with AES-256 in counter mode. Return the initialization vector, followed by the ciphertext.

    Raises:
        CommandError: 238 if the package for the cipher is not installed.
    """
    return iv + _apply(token, iv, plaintext)


def decrypt(token: bytes, ciphertext: bytes) -> bytes:
    """Return the plaintext of the result of `encrypt`.

    Raises:
        CommandError: 238 if the package for the cipher is not installed.
    """
    return _apply(token, ciphertext[:IV_BYTES], ciphertext[IV_BYTES:])


def encrypt_pair(token: bytes, first: int, second: int, iv: bytes) -> bytes:
    """Encrypt two numbers."""
    return encrypt(token, _PAIR.pack(first, second), iv)


def decrypt_pair(token: bytes, ciphertext: bytes) -> tuple[int, int]:
    """Return the two numbers in the result of `encrypt_pair`."""
    first, second = _PAIR.unpack(decrypt(token, ciphertext))
    return first, second


def _apply(token: bytes, iv: bytes, text: bytes) -> bytes:
    """Encrypt or decrypt, which are the same operation in counter mode."""
    ciphers = _ciphers()
    context = ciphers.Cipher(ciphers.algorithms.AES(token), ciphers.modes.CTR(iv)).encryptor()
    return context.update(text) + context.finalize()  # type: ignore[no-any-return]


@cache
def _ciphers() -> Any:
    try:
        return importlib.import_module("cryptography.hazmat.primitives.ciphers")
    except ImportError:
        raise CommandError(238, "Queryable Encryption needs a cipher. Install it with: pip install 'pytest-secantus[encryption]'") from None
