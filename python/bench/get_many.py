"""Compare the rate of get_many with that of ikv_get_many, called in the same process by ctypes.

    PYTHONPATH=build/release/python python3 python/bench/get_many.py build/release/libindexkv.so STORE

STORE is written if it does not exist. Prints medians of interleaved rounds, for batches of 10,000 and
100,000 keys in memory.
"""

import ctypes
import os
import statistics
import sys
import time

import indexkv
import numpy as np

PAIRS, ROUNDS = 1_000_000, 21
c_void_p, c_size_t, byref = ctypes.c_void_p, ctypes.c_size_t, ctypes.byref


class GetOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("match", ctypes.c_int), ("probe", ctypes.c_int),
                ("flags", ctypes.c_uint32), ("value_size", ctypes.c_uint32), ("values", c_void_p),
                ("on_value", c_void_p), ("user", c_void_p)]


def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def compare(name, count, calls):
    times = {key: [] for key in calls}
    for _ in range(ROUNDS):
        for key, call in calls.items():
            times[key].append(seconds(call))
    rates = {key: count / statistics.median(value) for key, value in times.items()}
    for key, rate in rates.items():
        print(f"{name:22} {count:7} keys  {key:18} {rate / 1e6:6.2f} million/s "
              f"{rate / rates['C']:6.1%}")


def measure(library, path, name):
    handle, result = c_void_p(), c_void_p()
    assert library.ikv_open(os.fsencode(path), None, byref(handle), None) == 0
    assert library.ikv_result_new(byref(result)) == 0
    store = indexkv.open(path)
    for count in (10_000, 100_000):
        keys = np.random.default_rng(1).integers(0, PAIRS, count, dtype=np.uint64)
        out = np.empty((count, max(store.value_size, 1)), np.uint8)
        options = GetOptions(size=ctypes.sizeof(GetOptions))
        calls = {}
        if store.value_size:
            options.values, options.value_size = out.ctypes.data, store.value_size
            calls["Python, out="] = lambda: store.get_many(keys, out=out)
        calls["C"] = lambda: library.ikv_get_many(handle, c_void_p(keys.ctypes.data),
                                                  c_size_t(count), byref(options), result, None)
        calls["Python"] = lambda: store.get_many(keys)
        compare(name, count, calls)


def main(library_path, path):
    library = ctypes.CDLL(library_path)
    library.ikv_get_many.argtypes = [c_void_p] * 2 + [c_size_t] + [c_void_p] * 3
    library.ikv_open.argtypes = [ctypes.c_char_p] + [c_void_p] * 3
    keys = np.random.default_rng(0).permutation(PAIRS).astype(np.uint64)
    variable = path + ".variable"
    if not os.path.exists(path):
        indexkv.build(path, keys, np.zeros((PAIRS, 100), np.uint8))
    if not os.path.exists(variable):
        sizes = np.random.default_rng(2).integers(50, 150, PAIRS)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        indexkv.build(variable, keys, np.zeros(offsets[-1], np.uint8), offsets)
    measure(library, path, "100 bytes")
    measure(library, variable, "50 to 149 bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
