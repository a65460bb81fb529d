"""Batches that depend on the seed, the pass and their number alone."""

import collections
import math
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets import pipeline
from keras_multigrid.datasets.pipeline import Batching, draw_batches
from tests.datasets.seeking import assert_continues, assert_seekable, assert_shared, first_of

ROOT = pathlib.Path(__file__).parents[2]
BATCHES = 3  # of a pass of `drawn`
INTERRUPTED = (0, 1, BATCHES, BATCHES + 1)  # batches taken before


def one_pass(dataset):
    """Returns the indices and the keys of all batches."""
    return [(indices.tolist(), tuple(key.tolist())) for indices, key in dataset.as_numpy_iterator()]


def order(dataset):
    """Returns the indices of one pass in their order."""
    return np.concatenate([np.atleast_1d(indices) for indices, _ in one_pass(dataset)]).tolist()


def index_batches(samples, batch_size, **options):
    return pipeline.index_batches(samples, Batching(batch_size, **options))


def random_rows(indices, key):
    return indices, tf.random.stateless_uniform([indices.shape[0], 3], key)


def without_xla(indices, key):
    return random_rows(indices, key)


without_xla.jit_compile = False


def drawn(draw=without_xla, **options):
    return draw_batches(draw, samples=10, batch_size=4, shuffle=True, **options)


def assert_same(batches, expected):
    for batch, other in zip(batches, expected, strict=True):
        for array, expected_array in zip(batch, other, strict=True):
            np.testing.assert_array_equal(array, expected_array)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("samples, batch_size", [(1, 1), (2, 1), (10, 4), (12, 4), (3, 8)])
def test_a_pass_visits_every_sample_once(samples, batch_size, shuffle):
    dataset = index_batches(samples, batch_size, shuffle=shuffle)
    for _ in range(2):
        assert sorted(order(dataset)) == list(range(samples))
    assert len(dataset) == len(one_pass(dataset)) == math.ceil(samples / batch_size)


def test_the_last_batch_has_what_is_left():
    assert [len(indices) for indices, _ in one_pass(index_batches(10, 4))] == [4, 4, 2]


def test_samples_are_in_order_unless_shuffled():
    assert order(index_batches(50, 4)) == list(range(50))
    assert order(index_batches(50, 4, shuffle=True)) != list(range(50))


def test_no_two_passes_have_the_same_order_or_key():
    batches = one_pass(index_batches(50, 10, shuffle=True).repeat(100))
    indices, keys = zip(*batches)
    assert len({tuple(map(tuple, indices[start : start + 5])) for start in range(0, 500, 5)}) == 100
    assert len(set(keys)) == 500


def test_each_iterator_is_another_pass():
    dataset = index_batches(50, 10, shuffle=True)
    passes = [one_pass(dataset) for _ in range(3)]
    assert len({tuple(indices) for batches in passes for indices, _ in batches}) == 15
    assert len({key for batches in passes for _, key in batches}) == 15


def test_all_orders_are_equally_frequent():
    dataset = index_batches(3, 3, shuffle=True).repeat(300)
    counts = collections.Counter(tuple(indices) for indices, _ in one_pass(dataset))
    assert len(counts) == 6
    assert min(counts.values()) > 30 and max(counts.values()) < 70  # 3 deviations off 50


def test_same_seed_same_passes_whatever_the_global_seed():
    reference = index_batches(20, 6, shuffle=True, seed=3)
    expected = [one_pass(reference), one_pass(reference)]
    for set_seed in (tf.random.set_seed, keras.utils.set_random_seed):
        for seed in (1, 2):
            set_seed(seed)
            again = index_batches(20, 6, shuffle=True, seed=3)
            assert [one_pass(again), one_pass(again)] == expected


@pytest.mark.parametrize("seed", [1, -1, 2**40])
def test_another_seed_gives_another_order_and_other_keys(seed):
    ours, others = (one_pass(index_batches(50, 10, shuffle=True, seed=each)) for each in (0, seed))
    assert all(batch[0] != other[0] for batch, other in zip(ours, others))
    assert not {key for _, key in ours} & {key for _, key in others}


@pytest.mark.parametrize("samples, batch_size", [(0, 4), (-1, 1), (4, 0), (4, -2)])
@pytest.mark.parametrize("make", [index_batches, lambda *sizes: draw_batches(random_rows, *sizes)])
def test_nothing_to_iterate_over_is_an_error(make, samples, batch_size):
    wrong = f"samples is {samples}" if samples < 1 else f"batch_size is {batch_size}"
    with pytest.raises(ValueError, match=f"{wrong}; expected a positive integer"):
        make(samples, batch_size)


def test_batches_are_what_is_drawn_from_their_indices_and_key():
    # One after the other, without tf.data: so threads can change nothing.
    draw = tf.function(random_rows, jit_compile=True)
    numbers = index_batches(10, 4, shuffle=True)
    expected = []
    for indices, key in [*numbers, *numbers]:
        full = np.zeros(4, "int64")
        full[: len(indices)] = indices
        expected.append([array[: len(indices)] for array in draw(tf.constant(full), key)])
    dataset = drawn(random_rows)
    assert len(dataset) == BATCHES
    assert_same([*dataset, *dataset], expected)
    assert [len(rows) for _, rows in dataset] == [4, 4, 2]


@pytest.mark.parametrize("threads", [1, 8])
def test_the_number_of_threads_does_not_matter(threads):
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.threading.max_intra_op_parallelism = threads
    assert_same(drawn().repeat(2).with_options(options), drawn().repeat(2))


def test_each_pass_is_drawn_anew():
    dataset = drawn()
    first, second = (np.concatenate([rows for _, rows in dataset]) for _ in range(2))
    assert not set(first.ravel()) & set(second.ravel())


@pytest.mark.slow
def test_another_process_continues_an_interrupted_iterator_exactly(tmp_path):
    for taken in INTERRUPTED:
        iterator = iter(drawn().repeat())
        for _ in range(taken):
            next(iterator)
        tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / f"after-{taken}"))
    program = (
        "import sys; from tests.datasets import test_pipeline as t; t.continue_all(sys.argv[1])"
    )
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": "4"}
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    undisturbed = list(drawn().repeat().take(INTERRUPTED[-1] + 2 * BATCHES))
    continued = np.load(tmp_path / "continued.npz")
    for taken in INTERRUPTED:
        for number in range(2 * BATCHES):  # beyond the end of a pass
            _, rows = undisturbed[taken + number]
            np.testing.assert_array_equal(continued[f"{taken}/{number}"], rows)


def continue_all(folder):
    """Restores the iterators in a process that has not made them, and saves what they give."""
    continued = {}
    for taken in INTERRUPTED:
        iterator = iter(drawn().repeat())
        tf.train.Checkpoint(iterator=iterator).read(
            os.path.join(folder, f"after-{taken}")
        ).assert_consumed()
        for number in range(2 * BATCHES):
            continued[f"{taken}/{number}"] = next(iterator)[1].numpy()
    np.savez(os.path.join(folder, "continued.npz"), **continued)


def test_checkpoints_hold_a_position_and_no_elements(tmp_path):
    def large(indices, key):
        return tf.random.stateless_uniform([indices.shape[0], 100_000], key)

    large.jit_compile = False
    iterator = iter(draw_batches(large, samples=80, batch_size=8))
    next(iterator)
    tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "checkpoint"))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20_000


# From any batch on, and of several processes.


@pytest.mark.parametrize("shuffle", [False, True])
def test_indices_begin_with_any_batch(shuffle):
    passes = index_batches(10, 4, shuffle=shuffle, seed=3)
    full = [batch for _ in range(4) for batch in one_pass(passes)[:2]]
    for first_batch in (0, 1, 2, 5):
        endless = index_batches(10, 4, shuffle=shuffle, seed=3, first_batch=first_batch)
        assert one_pass(endless.take(8 - first_batch)) == full[first_batch:]


def test_drawn_batches_are_seekable_and_shared(tmp_path):
    def load(**options):
        return draw_batches(without_xla, samples=10, batch_size=4, shuffle=True, **options)

    assert_seekable(load, batches=2)
    assert_shared(load)
    assert_continues(load, tmp_path)


def test_seeking_draws_nothing_before():
    numbers = []

    def draw(indices, key):
        return tf.numpy_function(lambda index: numbers.append(index) or index, [indices], tf.int64)

    draw.jit_compile = False
    first_of(draw_batches(draw, 10**6, 10, first_batch=10**7 + 12_345), 1)
    assert min(number.min() for number in numbers) == 123_450


@pytest.mark.parametrize("samples, sizes", [(4, [2, 2]), (5, [3, 2]), (7, [4, 3]), (2, [2, 0])])
def test_shares_of_one_pass_have_no_empty_batches(samples, sizes):
    for process, size in enumerate(sizes):
        part = draw_batches(without_xla, samples, 4, share=(process, 2))
        batches = [len(rows) for _, rows in part]
        assert len(part) == len(batches) and sum(batches) == size and 0 not in batches


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(first_batch=-1), "first_batch is -1; expected an integer from 0 on"),
        (dict(first_batch=1.0), r"first_batch is 1\.0; expected an integer from 0 on"),
        (dict(share=(2, 2)), r"share is \(2, 2\); expected \(process, processes\), with 0 <="),
        (dict(share=(0, 3)), "batch_size is 4; expected a multiple of 3, the processes"),
        (
            dict(first_batch=0, samples=3),
            "There are 3 samples in batches of 4; .* one full batch: take a smaller batch_size",
        ),
    ],
)
def test_a_place_or_share_that_is_not_there_is_an_error(options, message):
    with pytest.raises(ValueError, match=message) as raised:
        draw_batches(random_rows, **{"samples": 10, "batch_size": 4, **options})
    assert "\n" not in str(raised.value)
