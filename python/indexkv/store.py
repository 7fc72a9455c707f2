"""An open store."""

from __future__ import annotations

import os
from typing import Iterator

import numpy as np

from . import _indexkv
from .answers import Answers
from .keys import as_array, dtype_of

_MATCHES = {"exact": 0, "floor": 1, "ceiling": 2}
_BACKENDS = {"auto": 0, "pread": 1, "uring": 2, "mmap": 3}
_FLAGS = {"direct": 1, "no_map": 2, "prime": 4, "preload_index": 8, "preload": 16, "lock": 32,
          "copy": 64, "untrusted": 128}


def _choose(name: str, choices: dict, value: str) -> int:
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")
    return choices[value]


class Store(_indexkv.Store):
    """An open store, a read-only mapping from keys to bytes. Any number of threads may use it.

    key_type      required for plain v2 files only
    index_memory  bytes of the index to keep in memory; 0: 64 MiB
    backend       "auto", "pread", "uring" or "mmap"
    flags         of "direct", "no_map", "prime", "preload_index", "preload", "lock", "copy" (with a
                  preload) and "untrusted"

    Stores can be pickled: they are opened again by their path.
    """

    def __init__(self, path: str | os.PathLike, *, key_type: str | None = None, stride: int = 0,
                 index_memory: int = 0, backend: str = "auto", flags=()):
        if isinstance(flags, str):
            flags = (flags,)
        self._arguments = (os.fspath(path), dict(key_type=key_type, stride=stride, backend=backend,
                                                 index_memory=index_memory, flags=tuple(flags)))
        super().__init__(path, 0 if key_type is None else _indexkv.parse_key_type(key_type), stride,
                         index_memory, _choose("backend", _BACKENDS, backend),
                         sum(_choose("flags", _FLAGS, flag) for flag in set(flags)))
        info = self.info()
        self.key_type: str = info["key_type"]
        self._count = info["pair_count"]
        self._dtype = dtype_of(self.key_type)
        # 0: values have several sizes, or (plain v2) their sizes are not known
        self.value_size: int = (info["value_size_max"]
                                if info["value_size_min"] == info["value_size_max"] else 0)

    def __reduce__(self):
        return _open_again, self._arguments

    def __repr__(self) -> str:
        return f"<indexkv.Store {self._arguments[0]!r}: {self._count} keys, {self.key_type}>"

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *unused) -> None:
        self.close()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, key) -> bytes:
        answer = self._get_one(key, 0)
        if answer is None:
            raise KeyError(key)
        return answer[1]

    def __contains__(self, key) -> bool:
        return self._get_one(key, 0) is not None

    def get(self, key, default=None):
        """The value of a key, or `default`."""
        answer = self._get_one(key, 0)
        return default if answer is None else answer[1]

    def floor(self, key):
        """(key, value) of the largest key <= `key`, or None."""
        return self._get_one(key, _MATCHES["floor"])

    def ceiling(self, key):
        """(key, value) of the smallest key >= `key`, or None."""
        return self._get_one(key, _MATCHES["ceiling"])

    def get_many(self, keys, *, match: str = "exact", value_size: int | None = None,
                 out: np.ndarray | None = None, strict: bool = True) -> Answers:
        """Look up many keys in one call, in any order; see Answers.

        value_size  values of this size go to a 2-D array, others have the status OTHER_SIZE.
                    Default: the size of all values; 0, or if they have several: values and offsets
        out         a C-contiguous array of uint8 or of any other dtype with len(keys) *
                    value_size bytes: values go there. Default: a new array
        strict      raise an exception if a record is damaged or can't be read. False: only the keys
                    concerned have the status CORRUPT or UNREADABLE
        """
        keys = as_array(keys, self.key_type)
        count = len(keys)
        size = self.value_size if value_size is None else value_size
        status = np.empty(count, np.uint8)
        mode = _choose("match", _MATCHES, match)
        matched = None if mode == 0 else np.empty(count, self._dtype)
        # Buffers of void items have a format that the buffer protocol can't express.
        key_bytes = keys.view(np.uint8) if keys.dtype.kind == "V" else keys
        matched_bytes = matched
        if matched is not None and matched.dtype.kind == "V":
            matched_bytes = matched.view(np.uint8)
        if size == 0:
            if out is not None:
                raise ValueError("out: the values have no common size")
            offsets = np.empty(count + 1, np.int64)
            data = self._get_variable(key_bytes, mode, offsets, status, matched_bytes, strict)
            return Answers(status, np.frombuffer(data, np.uint8), offsets, matched)
        values = np.empty((count, size), np.uint8) if out is None else out
        self._get_fixed(key_bytes, mode, values, size, status, matched_bytes, strict)
        return Answers(status, values, None, matched)

    def scan(self, start=None, stop=None, *, limit: int = 0, memory: int = 0) -> Iterator[tuple]:
        """(key, value) in the order of the keys, from `start` to `stop`, both inclusive."""
        return self._scan(0, start, stop, limit, memory)

    def scan_values(self, *, limit: int = 0, memory: int = 0) -> Iterator[bytes]:
        """The values in the order of the file, which is the fastest to read."""
        return self._scan(1, None, None, limit, memory)

    def __iter__(self):
        return (key for key, _ in self.scan())

    keys = __iter__

    def items(self):
        return self.scan()

    def values(self):
        return (value for _, value in self.scan())


def _open_again(path, options):
    return Store(path, **options)
