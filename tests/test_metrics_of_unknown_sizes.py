"""Metrics where sizes are known only when the graph runs, and what Keras' own metrics take."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.metrics import LabelledPixelError, RegionIoU
from tests.test_metrics import CASES, METRICS, random_maps

SHAPE = (4, 6, 5, 3)
WRONG = [  # of the truth; NumPy would broadcast the first four
    (4, 1, 1, 3),
    (4, 1, 5, 3),
    (4, 6, 5, 1),
    (1, 6, 5, 3),
    (4, 5, 6, 3),
    (4, 3, 5, 6),
    (2, 6, 5, 3),
]
WRONG_WEIGHTS = [(1,), (3,), (1, 1, 1), (4, 6, 5), (2, 2), (20, 1, 1)]


def images_of(shape, seed=0):
    return np.random.default_rng(seed).random(shape).astype("float32")


def in_graph(metric, jit_compile=False, ranks=(4, 4, 1)):
    """Returns `update_state` in a graph that knows ranks alone, or nothing where they are None."""
    shapes = [None if rank is None else [None] * rank for rank in ranks]
    signature = [tf.TensorSpec(shape, "float32") for shape in shapes]

    @tf.function(input_signature=signature, jit_compile=jit_compile)
    def update(*arguments):
        metric.update_state(*arguments)

    return update


@functools.cache
def traced(metric_class):
    """Returns a metric and its `update_state` in a graph, once for many calls that are refused."""
    metric = metric_class()
    return metric, in_graph(metric, ranks=(4, 4))


def names_of(shape):
    """Returns a pattern of a shape, however it is printed."""
    return r"[\[(]" + r",\s*".join(map(str, shape)) + r",?[\])]"


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(("metric_class", "oracle"), CASES)
def test_equals_oracle_in_a_graph(metric_class, oracle, jit_compile):
    truth, outputs = random_maps(4, 3)
    weights = np.array([0, 0.5, 3, 1], "float32")
    metric = metric_class()
    in_graph(metric, jit_compile)(truth, outputs, weights)
    assert float(metric.result()) == pytest.approx(oracle(truth, outputs, weights), abs=1e-6)


@pytest.mark.parametrize("shape", WRONG, ids=str)
@pytest.mark.parametrize("metric_class", METRICS)
def test_wrong_sizes_are_refused_in_a_graph(metric_class, shape):
    """By the metric itself; no number comes of them."""
    metric, update = traced(metric_class)
    for truth, outputs in ((shape, SHAPE), (SHAPE, shape)):
        with pytest.raises(tf.errors.InvalidArgumentError) as raised:
            update(images_of(truth), images_of(outputs, 1))
        for expected in (truth, outputs):
            assert raised.match(names_of(expected))
    assert float(metric.result()) == 0


@pytest.mark.parametrize("metric_class", METRICS)
def test_wrong_sizes_are_refused_by_xla(metric_class):
    update = in_graph(metric_class(), jit_compile=True, ranks=(4, 4))
    with pytest.raises(tf.errors.InvalidArgumentError):
        update(images_of((4, 1, 1, 3)), images_of(SHAPE))


@pytest.mark.parametrize("shape", WRONG_WEIGHTS, ids=str)
@pytest.mark.parametrize("metric_class", METRICS)
def test_wrong_weights_are_refused_in_a_graph_and_eagerly(metric_class, shape):
    truth, weights = images_of(SHAPE), np.ones(shape, "float32")
    metric = metric_class()
    with pytest.raises(tf.errors.InvalidArgumentError, match=names_of(shape)):
        in_graph(metric, ranks=(4, 4, len(shape)))(truth, truth, weights)
    with pytest.raises(ValueError, match=names_of(shape)):
        metric.update_state(truth, truth, weights)
    assert float(metric.result()) == 0


@pytest.mark.parametrize("metric_class", METRICS)
def test_a_wrong_rank_is_refused_while_tracing(metric_class):
    for ranks in ((3, 4), (4, 3), (2, 2), (5, 5)):
        with pytest.raises(ValueError, match=r"expected \(batch, height, width, classes\)"):
            in_graph(metric_class(), ranks=ranks)(*(images_of((4,) * rank) for rank in ranks))


@pytest.mark.parametrize("metric_class", METRICS)
def test_an_unknown_rank_is_refused(metric_class):
    """As by Keras' losses."""
    truth = images_of(SHAPE)
    for ranks in ((None, 4), (4, None), (None, None)):
        with pytest.raises(ValueError, match=r"unknown.*; expected \(batch, height, width"):
            in_graph(metric_class(), ranks=ranks)(truth, truth)
    with pytest.raises(ValueError, match=r"sample_weight has shape <unknown>; expected \(batch,\)"):
        in_graph(metric_class(), ranks=(4, 4, None))(truth, truth, truth[:, 0, 0, 0])


def fully_convolutional():
    images = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(3, 3, padding="same", activation="sigmoid")(images)
    return keras.Model(images, x)


def fit(metrics, truth, weights=None):
    """Fits a network of any size to batches whose sizes are not known to the graph."""
    model = fully_convolutional()
    # A loss that takes all shapes: what is refused is refused by the metrics.
    model.compile(
        keras.optimizers.SGD(0.0),
        lambda truth, outputs: keras.ops.mean(outputs, axis=(1, 2, 3)),
        weighted_metrics=metrics,
    )
    batch = (images_of((4, 6, 5, 2)), truth, *([] if weights is None else [weights]))
    signature = tuple(tf.TensorSpec([None] * array.ndim, "float32") for array in batch)
    data = tf.data.Dataset.from_generator(lambda: iter([batch]), output_signature=signature)
    logs = model.fit(data, verbose=0).history
    return logs, model.predict(batch[0], verbose=0)


def test_fit_where_no_size_is_known():
    truth, _ = random_maps(4, 3, (6, 5))
    weights = np.array([1, 0, 0.5, 2], "float32")
    logs, outputs = fit([RegionIoU(), LabelledPixelError()], truth, weights)
    for name, (_, oracle) in zip(("iou", "pixel_error"), CASES):
        assert logs[name] == pytest.approx([oracle(truth, outputs, weights)], abs=1e-5)


@pytest.mark.parametrize("metric_class", METRICS)
def test_fit_refuses_targets_that_would_be_broadcast(metric_class):
    with pytest.raises(tf.errors.InvalidArgumentError, match=names_of((4, 1, 1, 3))):
        fit([metric_class()], images_of((4, 1, 1, 3)))


@pytest.mark.parametrize(("metric_class", "oracle"), CASES)
@pytest.mark.parametrize("weight", [0.5, np.float64(2), np.array(3, "int32"), True])
def test_a_scalar_weight_counts_for_all(metric_class, oracle, weight):
    small, large = random_maps(5, seed=1), random_maps(3, seed=2)
    metric = metric_class()
    metric.update_state(*small)
    metric.update_state(*large, sample_weight=weight)
    truth, outputs = (np.concatenate(pair) for pair in zip(small, large))
    expected = oracle(truth, outputs, [1] * 5 + [float(weight)] * 3)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("metric_class", "oracle"), CASES)
@pytest.mark.parametrize("floatx", ["float16", "bfloat16", "float64"])
def test_under_another_floatx(metric_class, oracle, floatx, monkeypatch):
    before = keras.config.floatx()
    keras.config.set_floatx(floatx)
    try:
        metric = metric_class()
        assert metric.dtype == ("float64" if floatx == "float64" else "float32")
        truth, outputs = random_maps(4, 3)
        metric.update_state(truth.astype("float16"), outputs, sample_weight=[1, 2, 0, 1])
        expected = oracle(truth, outputs, [1, 2, 0, 1])
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
        assert metric_class.from_config(metric.get_config()).dtype == metric.dtype
    finally:
        keras.config.set_floatx(before)


@pytest.mark.parametrize(("metric_class", "oracle"), CASES)
def test_without_state_of_its_own(metric_class, oracle):
    """As Keras' trainers on JAX use metrics."""
    truth, outputs = random_maps(4, 3)
    metric = metric_class()
    variables = metric.stateless_reset_state()
    for part in (slice(0, 3), slice(3, 4)):
        variables = metric.stateless_update_state(variables, truth[part], outputs[part])
    expected = oracle(truth, outputs)
    assert float(metric.stateless_result(variables)) == pytest.approx(expected, abs=1e-6)
    assert float(metric.result()) == 0


@pytest.mark.parametrize("metric_class", METRICS)
def test_plain_lists_of_numbers(metric_class):
    truth, outputs = random_maps(2, 1, (3, 2))
    arrays, lists = metric_class(), metric_class()
    arrays.update_state(truth, outputs)
    lists.update_state(truth.tolist(), outputs.tolist(), [1.0, 1.0])
    assert float(lists.result()) == float(arrays.result())


@pytest.mark.parametrize("metric_class", METRICS)
def test_weights_of_zero_count_nothing(metric_class):
    metric = metric_class()
    metric.update_state(*random_maps(4, 3), sample_weight=0)
    assert float(metric.result()) == 0
