"""What is exported prepares images as the recipe's evaluation does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.cli import main
from keras_multigrid.layers import ZCAWhitening
from keras_multigrid.recipes import (
    Cifar10,
    ImageNet,
    LocatedMnist,
    MnistSpatialTransformer,
    Quickstart,
    TopDownImageNet,
)
from keras_multigrid.recipes.overrides import resolve

pytestmark = pytest.mark.usefixtures("drawn_without_xla", "eagerly", "unpainted")


def prepare(recipe, folder, images):
    for layer in recipe.preprocessing(folder):
        images = layer(images)
    return np.asarray(images)


@pytest.mark.parametrize(
    "recipe", [Quickstart, MnistSpatialTransformer, LocatedMnist], ids=lambda recipe: recipe.NAME
)
def test_drawn_images(recipe):
    recipe = resolve(recipe, "smoke", ["source=digits"])
    images, targets = recipe.sent_images("test", 4)
    assert images.dtype == "float32" and images.shape[0] == len(targets) == 4
    assert images.min() > -0.01 and 200 < images.max() < 255.01
    expected, of_evaluation = next(recipe.load_evaluation("test").as_numpy_iterator())
    np.testing.assert_array_equal(targets, of_evaluation[:4])
    np.testing.assert_allclose(prepare(recipe, None, images), expected[:4], atol=1e-4)


@pytest.mark.parametrize("recipe", [ImageNet, TopDownImageNet], ids=lambda recipe: recipe.NAME)
def test_photographs(recipe, tmp_path):
    photograph = np.random.default_rng(0).integers(0, 256, (90, 130, 3), "uint8")
    for split in ("train", "validation"):
        (tmp_path / split / "cat").mkdir(parents=True)
        tf.io.write_file(str(tmp_path / split / "cat" / "1.png"), tf.io.encode_png(photograph))
    recipe = resolve(recipe, "smoke", ["data=image_folder", f"data_dir={tmp_path}"])
    ((expected, _),) = recipe.load_evaluation("validation").as_numpy_iterator()
    np.testing.assert_allclose(prepare(recipe, None, photograph[None]), expected, atol=1e-4)
    (sent,), _ = recipe.sent_images("validation", 1)
    assert sent.shape == expected.shape[1:] and 0 < sent.min() < sent.max() < 255.01


def test_cifar(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    rng = np.random.default_rng(0)
    whitening = ZCAWhitening()
    whitening.build((None, 32, 32, 3))
    whitening.matrix.assign(np.eye(3072) + 0.01 * rng.normal(size=(3072, 3072)))
    whitening.mean.assign(rng.random(3072))
    monkeypatch.setattr("keras_multigrid.recipes.cifar._whitening", lambda *_: whitening)
    recipe = resolve(Cifar10, "smoke", [])
    recipe.keep(tmp_path, None)
    with tfds.testing.mock_data(num_examples=8):
        images, labels = recipe.sent_images("test", 4)
        expected, of_evaluation = next(recipe.load_evaluation("test").as_numpy_iterator())
    np.testing.assert_array_equal(labels, of_evaluation)
    np.testing.assert_allclose(prepare(recipe, tmp_path, images), expected, atol=1e-3)


def test_a_top_down_network_is_exported_without_chance(tmp_path):
    run = tmp_path / "run"
    arguments = ["--scale", "smoke", "--set", "model=M1-MNIST", "--output", str(run)]
    assert main(["train", "located_mnist", *arguments]) == 0
    assert main(["export", str(run)]) == 0
    model = keras.models.load_model(run / "model.keras")
    served = tf.saved_model.load(str(run / "savedmodel" / "M1-MNIST" / "1"))
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1)).astype("float32")
    outputs = [served.signatures["serving_default"](images=tf.constant(images)) for _ in range(2)]
    np.testing.assert_array_equal(outputs[0]["probabilities"], outputs[1]["probabilities"])
    expected = model.predict(images / 255, sample=False, verbose=0)
    np.testing.assert_allclose(outputs[0]["probabilities"], expected, atol=1e-5)
    np.testing.assert_array_equal(outputs[0]["classes"], expected.argmax(axis=1))
