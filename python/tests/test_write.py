"""Writing, and errors with their file, offset and key."""

import gc

import indexkv
import numpy as np
import pytest

ID = bytes(range(16))


def test_arrays_and_pairs_make_the_same_file(path, tmp_path):
    keys = np.array([5, 1, 9], np.uint32)
    values = [b"five", b"", b"nine nine"]
    data = np.frombuffer(b"".join(values), np.uint8)
    offsets = np.cumsum([0] + [len(value) for value in values])
    indexkv.build(path, keys, data, offsets, store_id=ID)
    other = tmp_path / "other.ikv"
    indexkv.build(other, zip(keys, values), key_type="u32", store_id=ID)
    assert path.read_bytes() == other.read_bytes()
    with indexkv.Writer(other, "u32", store_id=ID) as writer:
        writer.add(5, values[0])
        writer.add_many([1, 9], data[4:], offsets[1:] - 4)
    assert path.read_bytes() == other.read_bytes()
    indexkv.verify(path)


def test_values_that_are_bytes_keep_their_sizes(path):
    values = [b"a", b"", b"bb", b"nul\0", b"\0\0"]
    objects = np.empty(5, object)
    objects[:] = values
    for given in (values, tuple(values), objects, [bytearray(value) for value in values],
                  [memoryview(value) for value in values]):
        indexkv.build(path, [5, 4, 3, 2, 1], given)
        assert dict(indexkv.open(path)) == dict(zip([5, 4, 3, 2, 1], values))
    indexkv.build(path, [1, 2], np.array([b"a", b"bb"]))  # rows of an array have one size
    assert dict(indexkv.open(path)) == {1: b"a\0", 2: b"bb"}
    indexkv.build(path, dict(zip([5, 4, 3, 2, 1], values)), key_type="u64")
    assert dict(indexkv.open(path)) == dict(zip([5, 4, 3, 2, 1], values))
    indexkv.build(path, [b"al", b"bo"], [b"1", b"22"])
    assert dict(indexkv.open(path)) == {b"al": b"1", b"bo": b"22"}
    before = path.read_bytes()
    for given in (["a", "b"], [b"a", "b"], ["a", b"b"], [None, b"b"], [b"a", 1], np.array(["a", "b"]),
                  np.array([None, 1])):
        with pytest.raises(TypeError, match="values: expected bytes"):
            indexkv.build(path, [1, 2], given)
    for keys, given in (([1], [b"a", b"b"]), ([1, 2], [b"a"]), ([b"al", b"bob"], [b"a", b"b"])):
        with pytest.raises(ValueError):
            indexkv.build(path, keys, given)
    assert path.read_bytes() == before


def test_options(path):
    keys = np.arange(5000, dtype=np.uint64)
    indexkv.build(path, keys, keys, layout="clustered", leaf_size=4096, filter_bits=8,
                  v2_index=False, metadata=b"about", store_id=ID)
    info = indexkv.open(path).info()
    assert info["layout"] == "clustered" and info["leaf_size"] == 4096
    assert info["metadata"] == b"about" and info["store_id"] == ID
    assert not info["has_v2_index"] and info["filter_memory"] > 0
    indexkv.build(path, keys, keys, plain=True)
    with pytest.raises(indexkv.FormatError) as caught:
        indexkv.open(path)
    assert caught.value.code == -1206
    with indexkv.open(path, key_type="u64") as store:
        assert store.value_size == 0 and store[7] == (7).to_bytes(8, "little")
        assert not store.info()["has_trailer"]
    with pytest.raises(ValueError):
        indexkv.build(path, keys, keys, layout="sideways")
    with pytest.raises(ValueError):
        indexkv.build(path, keys, keys, store_id=b"short")
    with pytest.raises(indexkv.Error):
        indexkv.build(path, keys, keys, filter_bits=5, layout="clustered")


def test_wrong_shapes(path):
    keys = np.arange(3, dtype=np.uint8)
    with pytest.raises(ValueError):
        indexkv.build(path, keys, np.zeros(4))
    for offsets in ([0, 1, 2], [0, 2, 1, 3], [0, 1, 2, 4], [-1, 1, 2, 3]):
        with pytest.raises(ValueError):
            indexkv.build(path, keys, np.zeros(3, np.uint8), offsets)
    with pytest.raises(ValueError):
        indexkv.build(path, np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError):
        indexkv.build(path, [(1, b"")])
    assert not path.exists() and list(path.parent.iterdir()) == []


def test_duplicates(path):
    pairs = [(1, b"a"), (2, b"b"), (1, b"c")]
    with pytest.raises(indexkv.DuplicateError) as caught:
        indexkv.build(path, pairs, key_type="i64")
    assert caught.value.key == 1 and "1" in str(caught.value)
    assert not path.exists()
    assert indexkv.build(path, pairs, key_type="i64", duplicates="last")["dropped"] == 1
    assert indexkv.open(path)[1] == b"c"


def test_nothing_is_left_after_an_exception(path):
    def pairs():
        yield 1, b"one"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        indexkv.build(path, pairs(), key_type="u8")
    with pytest.raises(RuntimeError):
        with indexkv.Writer(path, "u8") as writer:
            writer.add(1, b"one")
            raise RuntimeError
    writer = indexkv.Writer(path, "u8")
    writer.add(1, b"one")
    del writer
    gc.collect()
    assert list(path.parent.iterdir()) == []
    writer = indexkv.Writer(path, "u8")
    writer.finish()
    with pytest.raises(ValueError, match="closed"):
        writer.add(1, b"one")


def test_missing_and_foreign_files(path):
    with pytest.raises(FileNotFoundError) as caught:
        indexkv.open(path)
    assert isinstance(caught.value, indexkv.Error)
    assert caught.value.errno == 2 and caught.value.file == str(path)
    path.write_bytes(b"not a store" * 100)
    with pytest.raises(indexkv.FormatError) as caught:
        indexkv.open(path)
    assert caught.value.code == -1201 and str(path) in str(caught.value)


@pytest.mark.parametrize("size", [64, None])
def test_damage(path, size):
    """One record is damaged: its key raises with file, offset and key; others have their values."""
    values = [bytes([i]) * (size or i + 1) for i in range(100)]
    indexkv.build(path, enumerate(values), key_type="u64")
    content = bytearray(path.read_bytes())
    at = content.index(values[50])
    content[at + 3] ^= 1
    path.write_bytes(content)
    store = indexkv.open(path)
    keys = np.arange(100)
    with pytest.raises(indexkv.CorruptError) as caught:
        store.get_many(keys)
    error = caught.value
    assert (error.code, error.key, error.file) == (-1305, 50, str(path))
    assert error.offset <= at < error.offset + 128
    answers = store.get_many(keys, strict=False)
    assert answers.status[50] == 2
    assert [answers[i] for i in range(100) if i != 50] == values[:50] + values[51:]
    with pytest.raises(indexkv.CorruptError):
        store[50]
    scan = store.scan()
    got = [next(scan)[1] for _ in range(50)]
    with pytest.raises(indexkv.CorruptError):
        next(scan)
    assert got + [value for _, value in scan] == values[:50] + values[51:]
    with pytest.raises(indexkv.CorruptError):
        indexkv.verify(path)
