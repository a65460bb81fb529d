"""Metrics against a NumPy oracle, in one piece and streamed."""

import keras
import numpy as np
import pytest

from keras_multigrid.metrics import LabelledPixelError, RegionIoU


def oracle_iou(truth, outputs, weights=None):
    scores, counts = [], []
    for image in range(len(truth)):
        for channel in range(truth[image].shape[-1]):
            region, found = truth[image][..., channel] >= 0.5, outputs[image][..., channel] >= 0.5
            if region.any():
                scores.append((region & found).sum() / (region | found).sum())
                counts.append(1 if weights is None else weights[image])
    return np.average(scores, weights=counts)


def oracle_error(truth, outputs, weights=None):
    wrong, counts = [], []
    for image in range(len(truth)):
        for row, column in np.argwhere(truth[image].max(axis=-1) >= 0.5):
            pixel = outputs[image][row, column]
            right = pixel.max() >= 0.5 and truth[image][row, column, pixel.argmax()] >= 0.5
            wrong.append(not right)
            counts.append(1 if weights is None else weights[image])
    return np.average(wrong, weights=counts)


CASES = [(RegionIoU, oracle_iou), (LabelledPixelError, oracle_error)]
METRICS = [RegionIoU, LabelledPixelError]


def random_maps(images=12, classes=10, size=(9, 7), seed=0):
    rng = np.random.default_rng(seed)
    truth = (rng.random((images, *size, classes)) < 0.2).astype("float32")
    outputs = np.round(rng.random(truth.shape), 2).astype("float32")  # 0.5 and ties occur
    if images > 3:
        truth[3] = 0  # an image without any class
    return truth, outputs


@pytest.mark.parametrize(("metric_class", "oracle"), CASES)
@pytest.mark.parametrize("classes", [1, 10])
@pytest.mark.parametrize("batches", [[12], [5, 5, 2], [1] * 12, [0, 4, 0, 8, 0]], ids=str)
def test_equals_oracle_and_streams(metric_class, oracle, classes, batches):
    truth, outputs = random_maps(classes=classes)
    metric = metric_class()
    ends = np.cumsum(batches)
    for start, end in zip(ends - batches, ends):
        metric.update_state(truth[start:end], outputs[start:end])
    assert float(metric.result()) == pytest.approx(oracle(truth, outputs), abs=1e-6)


@pytest.mark.parametrize(("metric_class", "oracle"), CASES)
def test_sizes_may_differ_between_batches(metric_class, oracle):
    small, large = random_maps(4, seed=1), random_maps(4, size=(19, 33), seed=2)
    metric = metric_class()
    metric.update_state(*small)
    metric.update_state(*large)
    truth, outputs = ([*a, *b] for a, b in zip(small, large))
    assert float(metric.result()) == pytest.approx(oracle(truth, outputs), abs=1e-6)


@pytest.mark.parametrize(("metric_class", "oracle"), CASES)
@pytest.mark.parametrize("shape", [(-1,), (-1, 1, 1)])
def test_sample_weight(metric_class, oracle, shape):
    truth, outputs = random_maps()
    weights = np.random.default_rng(3).choice([0, 0.5, 1, 3], size=len(truth))
    metric = metric_class()
    for batch in (slice(0, 7), slice(7, 12)):
        metric.update_state(truth[batch], outputs[batch], weights[batch].reshape(shape))
    expected = oracle(truth, outputs, weights)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    assert abs(expected - oracle(truth, outputs)) > 1e-3

    metric.reset_state()
    metric.update_state(truth, outputs, sample_weight=weights > 1)
    kept = weights > 1
    assert float(metric.result()) == pytest.approx(oracle(truth[kept], outputs[kept]), abs=1e-6)


@pytest.mark.parametrize(("metric_class", "oracle"), CASES)
@pytest.mark.parametrize("truth_dtype", ["bool", "uint8", "int64", "float16", "bfloat16"])
@pytest.mark.parametrize("output_dtype", ["float16", "bfloat16"])
def test_types_of_inputs(metric_class, oracle, truth_dtype, output_dtype):
    truth, outputs = random_maps()
    outputs = keras.ops.cast(outputs, output_dtype)
    metric = metric_class()
    for _ in range(40):  # more than half precision could count
        metric.update_state(keras.ops.cast(truth, truth_dtype), outputs)
    outputs = keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32"))
    assert float(metric.result()) == pytest.approx(oracle(truth, outputs), abs=1e-5)


@pytest.mark.parametrize(
    ("metric_class", "empty", "perfect"), [(RegionIoU, 0, 1), (LabelledPixelError, 1, 0)]
)
def test_extremes(metric_class, empty, perfect):
    truth = np.zeros((2, 4, 4, 1), "float32")
    truth[:, 1:3, 1:3] = 1
    metric = metric_class()
    metric.update_state(truth, np.zeros_like(truth))
    assert float(metric.result()) == empty
    metric.reset_state()
    assert float(metric.result()) == 0
    metric.update_state(truth, truth)
    assert float(metric.result()) == perfect


@pytest.mark.parametrize("metric_class", METRICS)
def test_nothing_to_score(metric_class):
    metric = metric_class()
    metric.update_state(np.zeros((2, 4, 4, 3)), np.ones((2, 4, 4, 3)))
    assert float(metric.result()) == 0


def net():
    images = keras.Input((6, 5, 2))
    x = keras.layers.Conv2D(3, 3, padding="same", bias_initializer="random_normal")(images)
    return keras.Model(images, keras.layers.Activation("sigmoid", dtype="float32")(x))


@pytest.mark.parametrize(
    "policy, jit_compile",
    [("float32", False), ("mixed_float16", True), ("mixed_bfloat16", False)],
)
def test_in_training(policy, jit_compile):
    keras.config.set_dtype_policy(policy)
    images = np.random.default_rng(0).normal(size=(11, 6, 5, 2)).astype("float32")
    truth, _ = random_maps(11, 3, (6, 5))
    weights = np.random.default_rng(1).random(11).astype("float32")
    model = net()
    model.compile(
        keras.optimizers.SGD(0.0),
        "binary_crossentropy",
        metrics=[RegionIoU(), LabelledPixelError()],
        weighted_metrics=[RegionIoU("weighted_iou"), LabelledPixelError("weighted_error")],
        jit_compile=jit_compile,
    )
    logs = model.fit(
        images, truth, 4, epochs=2, verbose=0, sample_weight=weights[:, None, None]
    ).history
    outputs = model.predict(images, verbose=0)
    expected = {
        "iou": oracle_iou(truth, outputs),
        "pixel_error": oracle_error(truth, outputs),
        "weighted_iou": oracle_iou(truth, outputs, weights),
        "weighted_error": oracle_error(truth, outputs, weights),
    }
    assert set(logs) == {"loss", *expected}
    # Weights do not change; in half precision an output may fall on the other side of 0.5.
    tolerance = 1e-5 if policy == "float32" else 0.02
    for name, value in expected.items():
        assert logs[name] == pytest.approx([value, value], abs=tolerance), name


@pytest.mark.parametrize("metric_class", METRICS)
def test_config_round_trip(metric_class):
    metric = metric_class(name="other", dtype="float64")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(copy) is metric_class
    assert copy.get_config() == metric.get_config()
    assert (copy.name, copy.dtype) == ("other", "float64")


def test_save_and_load(tmp_path):
    truth, _ = random_maps(4, 3, (6, 5))
    images = np.ones((4, 6, 5, 2), "float32")
    model = net()
    model.compile("sgd", "binary_crossentropy", metrics=[RegionIoU(), LabelledPixelError("error")])
    expected = model.evaluate(images, truth, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(images, truth, verbose=0, return_dict=True) == expected
    assert set(expected) == {"loss", "iou", "error"}


@pytest.mark.parametrize("metric_class", METRICS)
@pytest.mark.parametrize(
    "shapes, message",
    [
        ([(2, 4, 4), (2, 4, 4, 1)], r"y_true has shape \(2, 4, 4\), y_pred \(2, 4, 4, 1\); expec"),
        ([(2, 4, 4, 1), (2, 4, 4, 10)], r"y_pred \(2, 4, 4, 10\); expected \(batch, height, wid"),
        ([(2, 10), (2, 10)], r"y_true has shape \(2, 10\).*expected \(batch, height, width, clas"),
        (
            [(2, 4, 4, 1)] * 2 + [(2, 4, 4)],
            r"sample_weight has shape \(2, 4, 4\); expected .batch,. or",
        ),
        ([(2, 4, 4, 1)] * 2 + [(3,)], r"sample_weight has shape \(3,\); expected .batch,. or"),
    ],
)
def test_messages(metric_class, shapes, message):
    with pytest.raises(ValueError, match=f"{metric_class.__name__}: .*{message}"):
        metric_class().update_state(*(np.ones(shape, "float32") for shape in shapes))


@pytest.mark.parametrize("metric_class", METRICS)
@pytest.mark.parametrize("dtype", ["float16", "mixed_bfloat16"])
def test_half_precision_sums_are_refused(metric_class, dtype):
    with pytest.raises(ValueError, match=r"dtype is .*float16'; expected 'float32' or 'float64'"):
        metric_class(dtype=dtype)
