"""Samples as few bytes, in a file, and batches of them without TensorFlow."""

import concurrent.futures
import dataclasses
import functools
import json
import math
import time
import zipfile
import zlib

import keras
import numpy as np

from keras_multigrid.datasets.pipeline import Batching
from keras_multigrid.whole_files import whole

NOTES = "notes"  # the entry of the JSON text
FILES = "files/"  # begins the entries of files
DAMAGES = (EOFError, zipfile.BadZipFile, zlib.error)
WORKER = concurrent.futures.ThreadPoolExecutor(1)  # makes a batch while the one before is used


@dataclasses.dataclass(frozen=True)
class Packed:
    """Samples as numbers of their values: bits for masks, bytes for pixels.

    `packed[indices]` are exactly the samples that were packed.
    """

    codes: np.ndarray  # a row for each sample
    table: np.ndarray  # a row of values for each code; empty if the codes are values
    shape: np.ndarray  # of a sample

    @classmethod
    def of(cls, coded):
        """Packs arrays, each as its values, and as numbers of them."""
        values = np.unique(np.concatenate([own for own, _ in coded]))
        if len(values) > 2**16:  # nothing is won
            parts, table = [own[codes] for own, codes in coded], values[:0]
        else:
            kind = "uint8" if len(values) <= 2**8 else "uint16"
            parts = [np.searchsorted(values, own).astype(kind)[codes] for own, codes in coded]
            table = values[:, None]
        shape = parts[0].shape[1:]
        parts = [part.reshape(len(part), -1) for part in parts]
        if len(values) == 2:  # a byte is eight of them
            parts = [np.packbits(part, axis=1) for part in parts]
            table = values[np.unpackbits(np.arange(2**8, dtype="uint8")[:, None], axis=1)]
        return cls(np.concatenate(parts), table, np.array(shape, "int64"))

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, indices):
        codes = self.codes[indices]
        values = self.table.take(codes, axis=0) if self.table.size else codes
        size = math.prod(self.shape)  # the last byte may have more bits
        return values.reshape(len(codes), -1)[:, :size].reshape(-1, *self.shape)


def pack(batches):
    """Returns, for each of the arrays that batches are of, a `Packed` of all batches."""
    coded = ([_coded(array) for array in batch] for batch in batches)  # small from the start
    return [Packed.of(arrays) for arrays in zip(*coded)]


def _coded(array):
    values = np.unique(array)
    return values, np.searchsorted(values, array).astype(np.min_scalar_type(len(values)))


def write(path, splits, files, notes):
    """Writes a file that is whole or not there.

    Args:
        path: Path of the file.
        splits: Mapping from names to lists of `Packed`.
        files: Mapping from names to the bytes of files.
        notes: What JSON can hold.
    """
    entries = {
        f"{split}/{index}/{name}": part
        for split, arrays in splits.items()
        for index, packed in enumerate(arrays)
        for name, part in vars(packed).items()
    }
    entries |= {FILES + name: np.frombuffer(content, "uint8") for name, content in files.items()}
    with whole(path) as unfinished, open(unfinished, "wb") as file:
        np.savez_compressed(file, **entries, **{NOTES: json.dumps(notes)})


def read(path):
    """Returns what `write` was given.

    Raises:
        ValueError: If it is no such file.
        OSError: If there is none.
    """
    splits, files = {}, {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            notes = json.loads(str(archive[NOTES]))
            for name in archive.files:
                if name.startswith(FILES):
                    files[name.removeprefix(FILES)] = archive[name].tobytes()
                elif name != NOTES:
                    split, index, part = name.split("/")
                    splits.setdefault(split, {}).setdefault(int(index), {})[part] = archive[name]
        for split, arrays in splits.items():
            splits[split] = [Packed(**arrays[index]) for index in sorted(arrays)]
    except (*DAMAGES, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is no file of `prepare`, or damaged ({type(error).__name__})."
        ) from error
    return splits, files, notes


class Batches(keras.utils.PyDataset):
    """Batches of packed samples, with as much of a `tf.data.Dataset` as runs use.

    Args:
        arrays: List of `Packed`.
        indices: A function from the number of a batch to those of its samples.
        count: Number of batches; None is endless.
    """

    def __init__(self, arrays, indices, count):
        super().__init__()
        self.arrays, self.indices, self.count = arrays, indices, count
        self.drawn_at = []  # the times at which batches were asked for
        self._ahead = {}

    @property
    def num_batches(self):
        return self.count

    def __getitem__(self, number):
        self.drawn_at.append(time.monotonic())
        ahead = self._ahead.pop(number, None)
        batch = ahead.result() if ahead else self._make(number)
        more = self.count is None or number + 1 < self.count
        self._ahead = {number + 1: WORKER.submit(self._make, number + 1)} if more else {}
        return batch

    def _make(self, number):
        indices = self.indices(number)
        return tuple(packed[indices] for packed in self.arrays)

    def take(self, count):
        return Batches(self.arrays, self.indices, min(count, self.count or count))

    def as_numpy_iterator(self):
        return iter(self)

    def cardinality(self):
        return self.count


def batches_of(arrays, samples, batch_size, seed=None, first_batch=None, share=(0, 1)):
    """Returns `Batches` of the first samples.

    Args:
        arrays: List of `Packed`.
        samples: How many.
        batch_size: Samples per batch.
        seed: Of the order, another one in each pass; None keeps it.
        first_batch, share: As for `keras_multigrid.datasets.load`.

    Raises:
        ValueError: If passes without end have no full batch.
    """
    own = Batching(batch_size, first_batch=first_batch, share=share).own
    endless = first_batch is not None
    in_a_pass = samples // batch_size if endless else math.ceil(samples / batch_size)
    if not in_a_pass:
        raise ValueError(
            f"There are {samples} samples in batches of {batch_size}; expected at least one full "
            "batch: prepare more, or take a smaller batch_size."
        )

    @functools.lru_cache(2)
    def order(number):
        if seed is None:
            return np.arange(samples)
        return np.random.default_rng((seed, number)).permutation(samples)

    def indices(batch):
        number, place = divmod((first_batch or 0) + batch, in_a_pass)
        return order(number)[place * batch_size : (place + 1) * batch_size][own]

    return Batches(arrays, indices, None if endless else in_a_pass)
