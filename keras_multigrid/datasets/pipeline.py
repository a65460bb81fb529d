"""tf.data pipelines in which a batch depends on the seed, the pass and its number alone."""

import dataclasses
import math
import numbers
from functools import partial

from keras_multigrid import checks


@dataclasses.dataclass(frozen=True)
class Batching:
    """How samples become batches: the arguments that all loaders share.

    Attributes:
        batch_size: Samples per batch of all processes together.
        shuffle: Whether a pass visits the samples in random order, a new one in each pass.
        seed: Seed, an integer.
        first_batch, share: As for `load`.

    Raises:
        ValueError: If one of them is wrong, or `batch_size` is not a multiple of the number of
            processes.
    """

    batch_size: int
    shuffle: bool = False
    seed: int = 0
    first_batch: int | None = None
    share: tuple = (0, 1)

    def __post_init__(self):
        checks.positive_integers(batch_size=self.batch_size)
        checks.flags(shuffle=self.shuffle)
        checks.integers(seed=self.seed)
        checks.optional(partial(checks.integers, 0), first_batch=self.first_batch)
        if not _is_share(self.share):
            raise ValueError(
                f"share is {self.share}; expected (process, processes), with 0 <= process < "
                "processes."
            )
        if self.batch_size % self.share[1]:
            raise ValueError(
                f"batch_size is {self.batch_size}; expected a multiple of {self.share[1]}, the "
                "processes."
            )

    @property
    def own(self):
        """The slice of each batch that is the share of this process."""
        process = self.share[0]
        return slice(process * self.own_size, (process + 1) * self.own_size)

    @property
    def own_size(self):
        return self.batch_size // self.share[1]


def _is_share(value):
    is_pair = isinstance(value, tuple | list) and len(value) == 2
    integers = is_pair and all(isinstance(number, numbers.Integral) for number in value)
    return integers and 0 <= value[0] < value[1]


def index_batches(samples, batching):
    """Returns one pass, or all, over samples by their numbers; pipelines make batches of them.

    No state but the position is kept: shuffling is a keyed permutation, not a buffer. So the data
    are the same for any number of threads, and checkpoints of iterators are small and exact.

    Args:
        samples: Number of samples in a pass.
        batching: A `Batching`. Batches come whole, for draws depend on all samples of a batch, but
            those of which the process gets nothing are left out.

    Returns:
        A `tf.data.Dataset` of `(indices, key)`: int64 numbers below `samples`, of shape `(batch,)`,
        and the int64 seed, of shape `(2,)`, for `tf.random.stateless_*`, that no other batch has.

    Raises:
        ValueError: If there are no samples, or as for `over_passes`.
    """
    checks.positive_integers(samples=samples)
    import tensorflow as tf

    size = batching.batch_size
    end = samples - batching.own.start if batching.first_batch is None else samples - size + 1

    def of_pass(number, first):
        def of_batch(start):
            indices = tf.range(start, tf.minimum(start + size, samples))
            if batching.shuffle:
                # Up to 2^16 samples are ordered by the lowest eight bits of each word alone.
                words = tf.bitwise.right_shift(number, tf.constant([0, 8, 16], tf.int64))
                last = tf.constant(samples - 1, tf.int64)
                indices = tf.raw_ops.RandomIndexShuffle(
                    index=indices, seed=words, max_index=last, rounds=8
                )
            return indices, tf.stack([number, start])

        return tf.data.Dataset.range(first * size, end, size).map(of_batch)

    return over_passes(of_pass, samples, batching)


def draw_batches(
    draw, samples, batch_size, *, shuffle=False, seed=0, first_batch=None, share=(0, 1)
):
    """Returns a dataset of freshly drawn samples: each pass over it has others.

    Args:
        draw: A function of sample numbers, of shape `(batch_size,)`, and a key, as `Segmentation`,
            `SpatialTransformer` and `LocatedDigits` are; XLA compiles it, unless its `jit_compile`
            is False.
        samples: Number of samples in a pass.
        batch_size: Samples per batch; the last one may have fewer.
        shuffle: Whether a pass visits the sample numbers in random order.
        seed: Seed, an integer; the same seed gives the same passes.
        first_batch, share: As for `load`.

    Returns:
        A `tf.data.Dataset` of what `draw` returns.

    Raises:
        ValueError: If there are no samples, or an argument is wrong, as for `load`.

    Example:

    >>> from keras_multigrid.datasets import Segmentation, draw_batches, load_digits
    >>> draw = Segmentation(*load_digits("test", source="digits"))
    >>> for images, masks in draw_batches(draw, samples=6, batch_size=4):
    ...     print(images.shape, masks.shape)
    (4, 64, 64, 1) (4, 64, 64, 10)
    (2, 64, 64, 1) (2, 64, 64, 10)
    """
    checks.functions(draw=draw)
    batching = Batching(batch_size, shuffle, seed, first_batch, share)
    import tensorflow as tf

    jit_compile = getattr(draw, "jit_compile", True)
    compiled = tf.function(draw, jit_compile=jit_compile, autograph=False)

    def of_batch(indices, key):
        # XLA would compile once more for the last, smaller batch: draw a full one there too.
        count = tf.size(indices)
        full = tf.ensure_shape(tf.pad(indices, [[0, batch_size - count]]), [batch_size])
        return tf.nest.map_structure(lambda drawn: drawn[:count], compiled(full, key))

    return map_batches(of_batch, samples, batching)


def map_batches(of_batch, samples, batching):
    """Returns this process' share of what a function makes of the `index_batches`."""
    import tensorflow as tf

    def own_of_batch(indices, key):
        return tf.nest.map_structure(lambda whole: whole[batching.own], of_batch(indices, key))

    batches = index_batches(samples, batching)
    return checkpointable(batches.map(own_of_batch, num_parallel_calls=tf.data.AUTOTUNE))


def over_passes(of_pass, samples, batching):
    """Returns the batches of one pass, or endlessly those of one pass after the other.

    Args:
        of_pass: A function of the number of a pass, which is random, and of the first batch in it.
            It returns a dataset of batches: of full ones alone, if there is a `first_batch`.
        samples: Number of samples in a pass; None if that is not known.
        batching: A `Batching`.

    Returns:
        A `tf.data.Dataset`. If `first_batch` is None, each iteration over it is another pass; else
        all are the same.

    Raises:
        ValueError: If passes without end have no full batch.
    """
    import tensorflow as tf

    size = batching.batch_size
    if batching.first_batch is None:
        batches = _pass_numbers(batching.seed).flat_map(lambda number: of_pass(number, 0))
        if samples is None:
            return batches
        count = math.ceil(max(samples - batching.own.start, 0) / size)
        return batches.apply(tf.data.experimental.assert_cardinality(count))
    if samples < size:
        raise ValueError(
            f"There are {samples} samples in batches of {size}; expected at least one full batch: "
            "take a smaller batch_size, or first_batch=None."
        )
    first_pass, first = divmod(int(batching.first_batch), samples // size)

    def numbers_of_passes(_):
        return _pass_numbers(batching.seed).repeat().skip(first_pass).enumerate()

    def of_numbered(count, number):
        return of_pass(number, tf.where(count == 0, tf.constant(first, tf.int64), 0))

    # The numbers are made inside, for those made once would go on in the next iteration.
    passes = tf.data.Dataset.range(1).flat_map(numbers_of_passes)
    infinite = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    return passes.flat_map(of_numbered).apply(infinite)


def own_samples(samples, batching, first):
    """Returns those samples of a pass that are this process' share, before they are decoded.

    Args:
        samples: A `tf.data.Dataset` of the single samples of a pass.
        batching: A `Batching`.
        first: The first batch in this pass, as `over_passes` says.
    """
    import tensorflow as tf

    full = batching.first_batch is not None
    batches = samples.batch(batching.batch_size, drop_remainder=full).skip(first)
    return batches.flat_map(
        lambda *batch: tf.data.Dataset.from_tensor_slices(
            tuple(whole[batching.own] for whole in batch)
        )
    )


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
