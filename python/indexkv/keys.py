"""Arrays of keys."""

from __future__ import annotations

import operator
import sys

import numpy as np

_DTYPES = {"u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
           "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64}


def dtype_of(key_type: str) -> np.dtype:
    """The dtype of arrays of keys that functions return."""
    if key_type in _DTYPES:
        return np.dtype(_DTYPES[key_type])
    return np.dtype(f"V{width_of(key_type)}")


def width_of(key_type: str) -> int:
    if key_type.startswith("bytes"):
        return int(key_type[5:])
    return int(key_type[1:]) // 8


def type_of(keys: np.ndarray) -> str:
    """The key type that an array of keys stands for; ValueError if that is not clear."""
    if keys.ndim == 1 and keys.dtype.kind in "ui":
        return f"{keys.dtype.kind}{keys.dtype.itemsize * 8}"
    if keys.ndim == 1 and keys.dtype.kind in "SV":
        return f"bytes{keys.dtype.itemsize}"
    if keys.ndim == 2 and keys.dtype == np.uint8:
        return f"bytes{keys.shape[1]}"
    raise ValueError(f"key_type is not given, and does not follow from an array of {keys.dtype}")


def _check_range(low: int, high: int, dtype: np.dtype) -> None:
    limits = np.iinfo(dtype)
    if low < limits.min or high > limits.max:
        raise OverflowError(f"keys are out of the range of {dtype}")


def _integers(keys, dtype: np.dtype) -> np.ndarray:
    if not isinstance(keys, np.ndarray):
        # Not by numpy, which makes floats of a list with 1 and 2**63.
        keys = [operator.index(key) for key in keys]
        if keys:
            _check_range(min(keys), max(keys), dtype)
        return np.array(keys, dtype)
    if keys.dtype.kind not in "ui" or keys.ndim != 1:
        raise TypeError(f"expected an array of integers, got {keys.dtype}, shape {keys.shape}")
    if keys.size:
        _check_range(int(keys.min()), int(keys.max()), dtype)
    return keys.astype(dtype)


def _from_objects(keys, key_type: str) -> np.ndarray:
    """A list of ints or bytes, for types that numpy does not have."""
    width = width_of(key_type)
    if key_type.startswith("bytes"):
        wrong = next((key for key in keys if len(key) != width), None)
        if wrong is not None:
            raise ValueError(f"expected keys of {width} bytes, got {len(wrong)}")
        joined = b"".join(bytes(key) for key in keys)
    else:
        joined = b"".join(int(key).to_bytes(width, sys.byteorder, signed=key_type[0] == "i")
                          for key in keys)
    return np.frombuffer(joined, dtype=f"V{width}")


def as_array(keys, key_type: str) -> np.ndarray:
    """The keys as a contiguous array of the type's width. Copies only what is not one already."""
    dtype = dtype_of(key_type)
    if isinstance(keys, np.ndarray) and keys.dtype == dtype and keys.ndim == 1:
        return np.ascontiguousarray(keys)
    if dtype.kind == "V" and not isinstance(keys, np.ndarray):
        return _from_objects(keys, key_type)
    if dtype.kind != "V":
        return _integers(keys, dtype)
    array = np.asarray(keys)
    row = array.dtype.itemsize * (1 if array.ndim == 1 else array.shape[-1])
    if array.ndim not in (1, 2) or row != dtype.itemsize or array.dtype.hasobject:
        raise ValueError(f"expected keys of {dtype.itemsize} bytes, got {array.dtype}, "
                         f"shape {array.shape}")
    return np.ascontiguousarray(array).view(np.uint8).reshape(-1).view(dtype)
