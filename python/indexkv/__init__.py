"""Immutable key-value stores in single files, with batch lookups.

    import indexkv, numpy as np

    keys = np.arange(1_000_000, dtype=np.uint64)
    indexkv.build("squares.ikv", keys, keys * keys)

    with indexkv.open("squares.ikv") as store:
        store[12]                                  # bytes
        answers = store.get_many(keys[::1000])     # one call, without the GIL
        answers.values.view(np.uint64)             # a 2-D array: all values have 8 bytes

Key types are named as by the command: "u8" to "u128", "i8" to "i128", "bytes1" to "bytes128".
Integer keys are ints, byte strings are bytes. Arrays of keys have the matching dtype; keys of 128
bits and byte strings are arrays of `V16`, `S16`, or 2-D arrays of bytes (in host byte order).
"""

from __future__ import annotations

import os

from . import _indexkv
from .answers import Answers
from .errors import (CorruptError, DuplicateError, Error, FormatError, StoreNotFoundError,
                     StoreOSError)
from .store import Store
from .writer import Writer, build

__version__ = _indexkv.version
__all__ = ["Answers", "CorruptError", "DuplicateError", "Error", "FormatError", "Store",
           "StoreNotFoundError", "StoreOSError", "Writer", "build", "open", "verify"]


def open(path: str | os.PathLike, **options) -> Store:
    """Open a store for reading; see Store for the options."""
    return Store(path, **options)


def verify(path: str | os.PathLike, key_type: str | None = None) -> None:
    """Read all of a store and check every byte; raise the exception for the first problem."""
    _indexkv.verify(path, 0 if key_type is None else _indexkv.parse_key_type(key_type))
