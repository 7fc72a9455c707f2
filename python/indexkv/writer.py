"""Writing stores."""

from __future__ import annotations

import os

import numpy as np

from . import _indexkv
from .keys import as_array, type_of
from .store import _choose

_DUPLICATES = {"error": 0, "first": 1, "last": 2}
_LAYOUTS = {"default": 0, "arrival": 1, "clustered": 2}
_PLAIN, _NO_V2_INDEX = 1, 2


class Writer(_indexkv.Writer):
    """Writes a store from pairs in any order. As a context manager it publishes the store at the
    end, or drops it after an exception. Until then an existing file at `path` stays as it is.

    layout       "clustered" (the default, except of plain files) or "arrival"
    filter_bits, leaf_size
                 of a clustered store
    duplicates   "error", "first" or "last"
    memory       limit in bytes for sorting and buffers; 0: 256 MiB
    store_id     16 bytes: with the same input, they make identical files
    plain        write a plain v2 file; v2_index=False omits the index that only the crate reads
    """

    def __init__(self, path: str | os.PathLike, key_type: str, *, layout: str = "default",
                 duplicates: str = "error", memory: int = 0, expected_pairs: int = 0,
                 store_id: bytes | None = None, metadata: bytes | None = None,
                 temp_dir: str | os.PathLike | None = None, leaf_size: int = 0,
                 filter_bits: int = 0, plain: bool = False, v2_index: bool = True,
                 stride: int = 0):
        self.key_type = key_type
        super().__init__(path, _indexkv.parse_key_type(key_type),
                         (_PLAIN if plain else 0) | (0 if v2_index else _NO_V2_INDEX),
                         _choose("duplicates", _DUPLICATES, duplicates), memory, expected_pairs,
                         store_id, metadata, temp_dir, _choose("layout", _LAYOUTS, layout),
                         leaf_size, filter_bits, stride)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, exception, *unused) -> None:
        if exception is None:
            self.finish()
        else:
            self.abort()

    def add_many(self, keys, values, offsets: np.ndarray | None = None) -> None:
        """Add pairs from arrays. `values`: bytes objects of any sizes; or an array with one row for
        each key, of any dtype of numbers or bytes; or, with `offsets`, the bytes of all values, as
        in Answers."""
        keys = as_array(keys, self.key_type)
        if offsets is None:
            values, offsets = _from_objects(values)
        values = np.ascontiguousarray(values)
        if values.dtype.hasobject or values.dtype.kind == "U":
            raise TypeError(f"values: expected bytes or numbers, got {values.dtype}")
        if offsets is not None:
            offsets = np.ascontiguousarray(offsets, dtype=np.int64)
        count = len(values) if offsets is None else len(offsets) - 1
        if count != len(keys):
            raise ValueError(f"{len(keys)} keys, but {count} values")
        self._add_arrays(_as_bytes(keys), _as_bytes(values), offsets)


def _from_objects(values):
    """Values and offsets, of a sequence of bytes objects, which numpy would pad with zeros to one
    size; other values, and None."""
    if not isinstance(values, np.ndarray) and not isinstance(values, (list, tuple, bytes)):
        values = np.asarray(values)  # a column of pandas or pyarrow, for instance
    if isinstance(values, np.ndarray):
        if not values.dtype.hasobject or values.ndim != 1:
            return values, None
        values = list(values)
    if isinstance(values, bytes) or not any(isinstance(value, (bytes, bytearray, memoryview, str))
                                            for value in values):
        return values, None
    for value in values:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(f"values: expected bytes, got {type(value).__name__}")
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum([memoryview(value).nbytes for value in values], out=offsets[1:])
    return np.frombuffer(b"".join(values), np.uint8), offsets


def _as_bytes(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(np.uint8)


def build(path: str | os.PathLike, keys, values=None, offsets=None, *, key_type: str | None = None,
          **options) -> dict:
    """Write a store, and return ikv_build_stats as a dict.

    build(path, keys, values)           arrays, or lists; values that are bytes have any sizes. The
                                        key type follows from the dtype of the keys; integers in a
                                        list are i64
    build(path, keys, data, offsets)    values as in Answers
    build(path, pairs, key_type="u64")  an iterable of (key, value), or a dict
    """
    if values is None and hasattr(keys, "items"):
        keys = keys.items()
    if values is not None and key_type is None and isinstance(keys, (list, tuple)) and keys and \
            isinstance(keys[0], bytes):
        key_type = f"bytes{len(keys[0])}"
    if values is not None:
        keys = np.asarray(keys) if key_type is None else keys
        key_type = type_of(keys) if key_type is None else key_type
    if key_type is None:
        raise ValueError('key_type is required for pairs: key_type="u64", for instance')
    writer = Writer(path, key_type, **options)
    try:
        if values is not None:
            writer.add_many(keys, values, offsets)
        else:
            for key, value in keys:
                writer.add(key, value)
    except BaseException:
        writer.abort()
        raise
    return writer.finish()
