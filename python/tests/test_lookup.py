"""Lookups against a dict."""

import bisect
import os
import pickle
import random
import sys
import threading

import indexkv
import numpy as np
import pytest
from indexkv.answers import FOUND, MISSING

TYPES = ["u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "bytes1", "bytes7",
         "bytes16", "bytes128"]


def random_keys(key_type, count, rng):
    if key_type.startswith("bytes"):
        width = int(key_type[5:])
        return [rng.randbytes(width) for _ in range(count)]
    bits = int(key_type[1:])
    low = -(1 << (bits - 1)) if key_type[0] == "i" else 0
    return [low, low + (1 << bits) - 1] + [low + rng.randrange(1 << bits) for _ in range(count)]


def model_of(key_type, count=300, sizes=range(40)):
    rng = random.Random(key_type)
    return {key: rng.randbytes(rng.choice(sizes)) for key in random_keys(key_type, count, rng)}


@pytest.mark.parametrize("layout", ["arrival", "clustered"])
@pytest.mark.parametrize("key_type", TYPES)
def test_equals_dict(path, key_type, layout):
    model = model_of(key_type)
    indexkv.build(path, model.items(), key_type=key_type, layout=layout)
    rng = random.Random(1)
    asked = list(model) + random_keys(key_type, 100, rng)
    rng.shuffle(asked)
    with indexkv.open(path) as store:
        assert len(store) == len(model) and store.key_type == key_type
        assert all(store[key] == value for key, value in model.items())
        answers = store.get_many(asked)
        assert list(answers) == [model.get(key) for key in asked]
        assert [key in store for key in asked] == list(answers.found)
        assert dict(store.items()) == model
        assert list(store) == sorted(model)


@pytest.mark.parametrize("key_type", ["u8", "i32", "u64", "i128", "bytes7"])
def test_floor_and_ceiling(path, key_type):
    model = model_of(key_type, 60)
    order = sorted(model)
    indexkv.build(path, model.items(), key_type=key_type)
    asked = random_keys(key_type, 200, random.Random(2))
    with indexkv.open(path) as store:
        for match in ("floor", "ceiling"):
            answers = store.get_many(asked, match=match)
            for i, key in enumerate(asked):
                at = bisect.bisect_right(order, key) - 1 if match == "floor" else \
                    bisect.bisect_left(order, key)
                single = getattr(store, match)(key)
                if not 0 <= at < len(order):
                    assert answers[i] is None and single is None
                    continue
                assert single == (order[at], model[order[at]])
                assert answers[i] == model[order[at]]
                matched = answers.matched[i]
                if key_type.startswith("bytes"):
                    assert matched.tobytes() == order[at]
                elif key_type == "i128":
                    assert int.from_bytes(matched.tobytes(), sys.byteorder, signed=True) == order[at]
                else:
                    assert matched == order[at]


def test_values_of_one_size(path):
    keys = np.arange(0, 4000, 2, dtype=np.uint64)
    rows = np.random.default_rng(3).random((len(keys), 5)).astype(np.float32)
    stats = indexkv.build(path, keys, rows)
    assert stats["pairs"] == len(keys) and stats["value_bytes"] == rows.nbytes
    store = indexkv.open(path)
    assert store.value_size == 20
    asked = np.random.default_rng(4).integers(0, 4000, 1000)
    answers = store.get_many(asked)
    present = asked % 2 == 0
    assert (answers.found == present).all()
    got = answers.values.view(np.float32)
    assert got.shape == (1000, 5) and answers.offsets is None
    assert (got[present] == rows[asked[present] // 2]).all()
    assert (got[~present] == 0).all()
    assert (np.unpackbits(answers.validity(), bitorder="little")[:1000] == present).all()

    out = np.full((1000, 5), 7, np.float32)
    assert store.get_many(asked, out=out).values is out
    assert (out == got).all()
    with pytest.raises(ValueError):
        store.get_many(asked, out=out[:999])
    read_only = out.copy()
    read_only.flags.writeable = False
    with pytest.raises((BufferError, ValueError)):
        store.get_many(asked, out=read_only)
    with pytest.raises((BufferError, ValueError)):
        store.get_many(asked, out=np.empty((1000, 10), np.float32)[:, ::2])


def test_values_of_several_sizes(path):
    model = model_of("u32", sizes=[0, 1, 9, 5000])
    indexkv.build(path, model.items(), key_type="u32")
    store = indexkv.open(path)
    asked = np.array(sorted(model) + [3, 5], dtype=np.uint32)
    answers = store.get_many(asked)
    expected = [model.get(int(key)) for key in asked]
    assert answers.offsets.dtype == np.int64 and answers.offsets[0] == 0
    assert list(np.diff(answers.offsets)) == [len(value or b"") for value in expected]
    assert answers.values.tobytes() == b"".join(value or b"" for value in expected)
    nines = store.get_many(asked, value_size=9)
    for i, value in enumerate(expected):
        assert nines[i] == (value if value is not None and len(value) == 9 else None)


def test_empty(path):
    indexkv.build(path, [], key_type="u64")
    with indexkv.open(path) as store:
        assert len(store) == 0 and list(store) == []
        assert list(store.get_many([])) == []
        assert list(store.get_many([1, 2])) == [None, None]
        assert store.floor(1) is None


def test_arrays_of_keys(path):
    keys = np.frombuffer(random.Random(5).randbytes(16 * 50), dtype="V16")
    indexkv.build(path, keys, np.arange(50, dtype=np.uint16))
    store = indexkv.open(path)
    assert store.key_type == "bytes16"
    for form in (keys, keys.view(np.uint8).reshape(50, 16), keys.view(np.uint64).reshape(50, 2),
                 [key.tobytes() for key in keys], keys[::-1][::-1]):
        assert (store.get_many(form).values.view(np.uint16)[:, 0] == np.arange(50)).all()
    with pytest.raises(ValueError):
        store.get_many(np.zeros((3, 15), np.uint8))


def test_keys_out_of_range(path):
    indexkv.build(path, np.array([1, 255], np.uint8), np.zeros((2, 1)))
    store = indexkv.open(path)
    for wrong in (-1, 256, 1 << 70):
        with pytest.raises(OverflowError):
            store[wrong]
    for wrong in ([-1], [1, 256], np.array([300], np.int64)):
        with pytest.raises(OverflowError):
            store.get_many(wrong)
    for wrong in (1.0, "1", None):
        with pytest.raises(TypeError):
            store[wrong]
    with pytest.raises(TypeError):
        store.get_many(np.array([1.0]))
    with pytest.raises(TypeError):
        store.get_many([1.0])
    assert store.get_many(np.array([1, 255], ">i8")).found.all()
    with pytest.raises(KeyError):
        store[7]
    assert store.get(7) is None and store.get(7, 3) == 3


@pytest.mark.parametrize("backend", ["auto", "pread", "mmap"])
def test_backends_and_stats(path, backend):
    indexkv.build(path, np.arange(1000, dtype=np.int32), np.arange(1000))
    with indexkv.open(path, backend=backend, flags=["no_map"] if backend == "auto" else []) as store:
        assert store.info()["backend"] == backend
        answers = store.get_many(np.arange(-10, 1010))
        assert (answers.status == [MISSING] * 10 + [FOUND] * 1000 + [MISSING] * 10).all()
        stats = store.stats()
        assert stats["keys"] == 1020 and stats["found"] == 1000 and stats["missing"] == 20
    untrusted = [] if backend == "mmap" else ["untrusted"]  # which is never mapped
    copied = [] if backend == "pread" else ["preload", "copy"]
    for flags in untrusted, copied:
        with indexkv.open(path, backend=backend, flags=flags) as store:
            assert (store.get_many(np.arange(1000)).values.view(np.int64)[:, 0] == np.arange(1000)).all()
    with pytest.raises(ValueError, match="backend"):
        indexkv.open(path, backend="tape")
    with pytest.raises(ValueError, match="flags"):
        indexkv.open(path, flags="fast")


def test_threads_and_close(path):
    keys = np.arange(20000, dtype=np.uint64)
    indexkv.build(path, keys, keys * 3)
    store = indexkv.open(path)
    wrong = []

    def work(seed):
        asked = np.random.default_rng(seed).permutation(keys)
        for _ in range(10):
            got = store.get_many(asked).values.view(np.uint64)[:, 0]
            if not (got == asked * 3).all():
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    scan = store.scan()
    next(scan)
    store.close()
    store.close()
    assert store.closed
    for call in (lambda: store[1], lambda: store.get_many([1]), lambda: next(scan), store.info):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_close_during_calls(path):
    """A call that runs is finished before the store is closed."""
    keys = np.arange(50000, dtype=np.uint64)
    indexkv.build(path, keys, keys)
    store = indexkv.open(path)
    started = threading.Event()
    complete = []

    def work():
        try:
            while True:
                answers = store.get_many(keys)
                started.set()
                complete.append(bool(answers.found.all()))
        except ValueError:
            pass

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait()
    store.close()
    for thread in threads:
        thread.join()
    assert complete and all(complete)


def test_pickle_and_fork(path):
    keys = np.arange(5000, dtype=np.uint64)
    indexkv.build(path, keys, keys)
    store = indexkv.open(path, backend="pread")
    copy = pickle.loads(pickle.dumps(store))
    assert copy[17] == store[17] and copy.info()["backend"] == "pread"
    if sys.platform != "win32":
        store.get_many(keys)
        child = os.fork()
        if child == 0:
            os._exit(0 if store.get_many(keys).found.all() else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_scan_ranges(path):
    model = model_of("i16", 200)
    indexkv.build(path, model.items(), key_type="i16", layout="clustered")
    store = indexkv.open(path)
    order = sorted(model)
    for start, stop in ((None, None), (-5000, 5000), (order[3], order[9]), (5, 4), (None, 0)):
        expected = [(key, model[key]) for key in order
                    if (start is None or key >= start) and (stop is None or key <= stop)]
        assert list(store.scan(start, stop)) == expected
        assert list(store.scan(start, stop, limit=2)) == expected[:2]
    assert list(store.scan_values()) == [model[key] for key in order]
    assert list(store.values()) == [model[key] for key in order]
