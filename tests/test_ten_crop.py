"""Ten-crop models against the mean of single predictions."""

import keras
import numpy as np
import pytest

from keras_multigrid.ten_crop import ten_crop_model
from tests.random_weights import randomize

CLASSES = 7


def classifier(shape=(8, 6, 3), input_dtype=None):
    images = keras.Input(shape, dtype=input_dtype)
    x = keras.layers.Conv2D(4, 3, activation="relu")(images)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Dense(CLASSES)(x)
    model = keras.Model(images, keras.layers.Softmax(dtype="float32")(x), name="net")
    randomize(model)
    return model


def random_crops(batch=5, size=(8, 6), seed=0):
    return np.random.default_rng(seed).normal(size=(batch, 10, *size, 3)).astype("float32")


def averaged(model, crops):
    predictions = [model.predict_on_batch(crops[:, k]) for k in range(10)]
    return np.mean(predictions, axis=0, dtype="float64")


@pytest.mark.parametrize("shape", [(8, 6, 3), (None, None, 3)], ids=["fixed", "any size"])
@pytest.mark.parametrize("batch", [1, 5])
def test_equals_mean_of_predictions(shape, batch):
    model, crops = classifier(shape), random_crops(batch)
    ten_crop = ten_crop_model(model)
    assert ten_crop.input_shape == (None, 10, *shape)
    assert ten_crop.output_shape == (None, CLASSES)
    outputs = ten_crop.predict(crops, verbose=0)
    np.testing.assert_allclose(outputs, averaged(model, crops), atol=1e-6)
    assert np.ptp(outputs, axis=1).min() > 0.01  # else the mean would not tell much
    weights = model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(ten_crop.get_weights(), weights, strict=True))


def test_compiles_and_evaluates():
    model, crops = classifier(), random_crops(11)
    labels = np.random.default_rng(1).integers(CLASSES, size=11)
    ten_crop = ten_crop_model(model)
    top = [keras.metrics.SparseTopKCategoricalAccuracy(k, name=f"top{k}") for k in (1, 5)]
    ten_crop.compile(loss="sparse_categorical_crossentropy", metrics=top)
    results = ten_crop.evaluate(crops, labels, batch_size=4, verbose=0, return_dict=True)
    expected = averaged(model, crops)
    ranks = (expected > expected[np.arange(11), labels][:, None]).sum(axis=1)
    assert results["top1"] == pytest.approx(np.mean(ranks < 1))
    assert results["top5"] == pytest.approx(np.mean(ranks < 5))
    loss = -np.log(expected[np.arange(11), labels]).mean()
    assert results["loss"] == pytest.approx(loss, rel=1e-5)


def test_save_and_load(tmp_path):
    ten_crop, crops = ten_crop_model(classifier()), random_crops()
    ten_crop.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.predict(crops, verbose=0), ten_crop.predict(crops, verbose=0)
    )


def test_half_precision_is_averaged_in_float32():
    keras.config.set_dtype_policy("float16")
    images = keras.Input((4, 4, 3))
    model = keras.Model(images, keras.layers.GlobalAveragePooling2D()(images))
    crops = random_crops(2, (4, 4)).astype("float16")
    assert model.predict(crops[:, 0], verbose=0).dtype == "float16"
    outputs = ten_crop_model(model).predict(crops, verbose=0)
    assert outputs.dtype == "float32"
    np.testing.assert_allclose(outputs, averaged(model, crops), atol=1e-6)


def test_keeps_the_input_type():
    assert ten_crop_model(classifier(input_dtype="uint8")).inputs[0].dtype == "uint8"


def two_inputs():
    inputs = [keras.Input((4, 4, 3)), keras.Input((4, 4, 3))]
    return keras.Model(inputs, keras.layers.add(inputs))


@pytest.mark.parametrize(
    "make",
    [two_inputs, lambda: "RMG18", lambda: keras.layers.Dense(3), keras.Sequential],
    ids=["two inputs", "a name", "a layer", "not built"],
)
def test_messages(make):
    with pytest.raises(ValueError, match=r"model is .*; expected a built keras.Model of one input"):
        ten_crop_model(make())
