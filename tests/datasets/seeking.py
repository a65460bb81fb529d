"""What holds for all data sets of which training takes up any batch, and each process its share."""

import numpy as np
import tensorflow as tf

PLACES = (  # first batches, by passes and batches more, and shares
    (0, 1, (0, 2)),
    (1, 0, (1, 2)),
    (2, 1, (0, 1)),
)


def drawn_from_the_key(*_):
    """Stands in for `input_function`: images are random numbers in place of the augmentation."""
    return lambda encoded, key: tf.random.stateless_uniform((8, 8, 3), key)


def assert_seekable(load, batches):
    """Checks what comes from a batch within the first, at the begin of, and within a later pass.

    Args:
        load: A function of `first_batch` and `share`, both optional, that returns a data set of
            which no two passes are the same.
        batches: Number of full batches in a pass, at least 2.
    """
    endless = load(first_batch=0)
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY
    expected = first_of(endless, 2 * batches + 3)
    assert_same(first_of(endless, 1), expected[:1])  # each iteration is the same
    assert not is_same(expected[:batches], expected[batches : 2 * batches])
    for passes, more, (process, processes) in PLACES:
        first_batch = passes * batches + more
        shares = []
        for batch in expected[first_batch : first_batch + 2]:
            size = len(batch[0]) // processes
            shares.append([part[size * process : size * (process + 1)] for part in batch])
        found = first_of(load(first_batch=first_batch, share=(process, processes)), 2)
        assert_same(found, shares)


def assert_shared(load):
    """Checks that the shares of both of two processes are one pass."""
    first, second = (list(load(share=(each, 2)).as_numpy_iterator()) for each in (0, 1))
    both = [tuple(map(np.concatenate, zip(*parts))) for parts in zip(first, second)]
    # Of the smaller last batch the second process may have nothing.
    assert_same(both + first[len(second) :], list(load().as_numpy_iterator()))


def assert_continues(load, folder):
    """Checks that an iterator that began in the middle goes on after a checkpoint of it."""
    iterator, again = iter(load(first_batch=1)), iter(load(first_batch=1))
    for _ in range(2):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).write(str(folder / "checkpoint"))
    tf.train.Checkpoint(iterator=again).read(path).assert_consumed()
    assert_same([next(again) for _ in range(3)], [next(iterator) for _ in range(3)])


def first_of(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


def is_same(batches, expected):
    return all(map(np.array_equal, flat(batches), flat(expected)))


def assert_same(batches, expected):
    assert len(batches) == len(expected)
    for part, expected_part in zip(flat(batches), flat(expected), strict=True):
        np.testing.assert_array_equal(part, expected_part)


def flat(batches):
    return [part for batch in batches for part in batch]
