"""A dataset for training over a store: samples of one size, read at random, a batch in one call.

It has the methods of torch.utils.data.Dataset, and needs nothing from torch:

    loader = torch.utils.data.DataLoader(StoreDataset("samples.ikv"), batch_size=256, shuffle=True,
                                         num_workers=4)

DataLoader calls __getitems__ with the indices of a batch. Worker processes inherit the store if they
are forked, and open it again if they are started in another way. Run as a program, this file writes a
small store and reads it in random order.
"""

import sys

import indexkv
import numpy as np


class StoreDataset:
    """Sample i is the value of key i, as an array of `dtype` and `shape`."""

    def __init__(self, path, dtype=np.float32, shape=(-1,), **options):
        self.store = indexkv.open(path, **options)
        self.dtype, self.shape = np.dtype(dtype), shape

    def __len__(self):
        return len(self.store)

    def __getitem__(self, index):
        return self.__getitems__([index])[0]

    def __getitems__(self, indices):
        answers = self.store.get_many(np.asarray(indices, dtype=np.uint64))
        if not answers.found.all():
            raise IndexError(f"no such sample: {np.asarray(indices)[~answers.found][0]}")
        return answers.values.view(self.dtype).reshape(len(indices), *self.shape)


def main(path):
    samples = np.arange(1000 * 12, dtype=np.float32).reshape(1000, 12)
    indexkv.build(path, np.arange(1000, dtype=np.uint64), samples, layout="clustered")
    dataset = StoreDataset(path, shape=(3, 4))
    order = np.random.default_rng(1).permutation(len(dataset))
    for start in range(0, len(order), 256):
        batch = order[start:start + 256]
        assert (dataset.__getitems__(batch) == samples[batch].reshape(-1, 3, 4)).all()
    print(f"{len(dataset)} samples of shape {dataset[0].shape}")


if __name__ == "__main__":
    main(sys.argv[1])
