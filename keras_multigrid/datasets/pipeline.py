"""tf.data pipelines in which a batch depends on the seed, the pass and its number alone."""

import math


def index_batches(samples, batch_size=None, shuffle=False, seed=0):
    """Returns one pass over samples by their numbers, from which a pipeline makes its batches.

    No state but the position is kept: shuffling is a keyed permutation, not a buffer. So the data
    are the same for any number of threads, checkpoints of iterators are small, and exact.

    Args:
        samples: Number of samples in a pass.
        batch_size: Samples per batch, the last one may have fewer; None for single samples.
        shuffle: Whether a pass visits the samples in random order, a new one in each pass.
        seed: Seed, an integer.

    Returns:
        A `tf.data.Dataset` of `(indices, key)`: int64 numbers below `samples`, of shape `(batch,)`
        or `()`, and the int64 seed, of shape `(2,)`, for `tf.random.stateless_*`, that no other
        batch has. Each iteration over the dataset is another pass, with other keys.

    Raises:
        ValueError: If there are no samples, or the batch is empty.
    """
    if samples < 1 or (batch_size is not None and batch_size < 1):
        raise ValueError(
            f"There are {samples} samples in batches of {batch_size}; expected at least 1 of each."
        )
    import tensorflow as tf

    def of_pass(number):
        starts = tf.data.Dataset.range(0, samples, batch_size or 1)

        def of_batch(start):
            indices = start
            if batch_size:
                indices = tf.range(start, tf.minimum(start + batch_size, samples))
            if shuffle:
                # Up to 2^16 samples are ordered by the lowest eight bits of each word alone.
                words = tf.bitwise.right_shift(number, tf.constant([0, 8, 16], tf.int64))
                last = tf.constant(samples - 1, tf.int64)
                indices = tf.raw_ops.RandomIndexShuffle(
                    index=indices, seed=words, max_index=last, rounds=8
                )
            return indices, tf.stack([number, start])

        return starts.map(of_batch)

    batches = math.ceil(samples / (batch_size or 1))
    return (
        _pass_numbers(seed)
        .flat_map(of_pass)
        .apply(tf.data.experimental.assert_cardinality(batches))
    )


def draw_batches(draw, samples, batch_size, shuffle=False, seed=0):
    """Returns a dataset of freshly drawn samples: each pass over it has others.

    Args:
        draw: A function of sample numbers, of shape `(batch_size,)`, and a key, as `Segmentation`,
            `SpatialTransformer` and `LocatedDigits` are; XLA compiles it, unless its `jit_compile`
            is False.
        samples: Number of samples in a pass.
        batch_size: Samples per batch; the last one may have fewer.
        shuffle: Whether a pass visits the sample numbers in random order.
        seed: Seed, an integer; the same seed gives the same passes.

    Returns:
        A `tf.data.Dataset` of what `draw` returns.

    Raises:
        ValueError: If there are no samples, or the batch is empty.

    Example:

    >>> from keras_multigrid.datasets import Segmentation, draw_batches, load_digits
    >>> draw = Segmentation(*load_digits("test"))
    >>> for images, masks in draw_batches(draw, samples=6, batch_size=4):
    ...     print(images.shape, masks.shape)
    (4, 64, 64, 1) (4, 64, 64, 10)
    (2, 64, 64, 1) (2, 64, 64, 10)
    """
    import tensorflow as tf

    jit_compile = getattr(draw, "jit_compile", True)
    compiled = tf.function(draw, jit_compile=jit_compile, autograph=False)

    def of_batch(indices, key):
        # XLA would compile once more for the last, smaller batch: draw a full one there too.
        count = tf.size(indices)
        full = tf.ensure_shape(tf.pad(indices, [[0, batch_size - count]]), [batch_size])
        return tf.nest.map_structure(lambda drawn: drawn[:count], compiled(full, key))

    batches = index_batches(samples, batch_size, shuffle, seed)
    return checkpointable(batches.map(of_batch, num_parallel_calls=tf.data.AUTOTUNE))


def checkpointable(dataset):
    """Returns a dataset that prefetches, and whose iterators save their position, no elements."""
    import tensorflow as tf

    options = tf.data.Options()
    options.experimental_symbolic_checkpoint = True
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)


def _pass_numbers(seed):
    """Returns a dataset of one random number, another one each time it is iterated."""
    import tensorflow as tf

    # `tf.data.Dataset.random` would mix the global seed in: the data would depend on it.
    random = tf.raw_ops.RandomDatasetV2(
        seed=seed,
        seed2=1,
        seed_generator=tf.raw_ops.DummySeedGenerator(),
        rerandomize_each_iteration=True,
        output_types=[tf.int64],
        output_shapes=[[]],
    )
    return tf.data.experimental.from_variant(random, tf.TensorSpec((), tf.int64)).take(1)
