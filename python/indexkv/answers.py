"""The answers to a batch."""

from __future__ import annotations

from typing import Iterator

import numpy as np

FOUND, MISSING, CORRUPT, UNREADABLE, OTHER_SIZE = range(5)


class Answers:
    """The answers to the keys of one call, in their order.

    status   uint8 array of FOUND, MISSING, CORRUPT, UNREADABLE, OTHER_SIZE
    values   values of one size: uint8 array of shape (count, size), rows without a value are 0;
             otherwise: uint8 array of all values, one after another
    offsets  None, or int64 array of count + 1 offsets in `values`
    matched  the keys that were found with match="floor" or "ceiling"; None for exact lookups

    `values` and `offsets` are laid out as the buffers of an Arrow LargeBinary array (FixedSizeBinary
    without offsets), and `validity()` is its bitmap.
    """

    __slots__ = ("status", "values", "offsets", "matched")

    def __init__(self, status, values, offsets, matched):
        self.status, self.values, self.offsets, self.matched = status, values, offsets, matched

    @property
    def found(self) -> np.ndarray:
        """Boolean array: which keys have a value."""
        return self.status == FOUND

    def validity(self) -> np.ndarray:
        """`found` as a bitmap, the lowest bit first."""
        return np.packbits(self.found, bitorder="little")

    def __repr__(self) -> str:
        return f"<indexkv.Answers: {len(self)} keys, {np.count_nonzero(self.found)} found>"

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, index: int) -> bytes | None:
        """The value of one key as bytes, or None."""
        index = range(len(self))[index]
        if self.status[index] != FOUND:
            return None
        if self.offsets is None:
            return self.values[index].tobytes()
        return self.values[self.offsets[index]:self.offsets[index + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes | None]:
        return (self[i] for i in range(len(self)))
