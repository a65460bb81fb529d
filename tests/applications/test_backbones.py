"""Backbones of Keras: how they take images, and what is refused."""

import keras
import numpy as np
import pytest

from keras_multigrid.applications.backbones import PREPARATIONS, create_backbone

MODULES = {  # of Keras, where its own `preprocess_input` is
    "MobileNetV2": "mobilenet_v2",
    "NASNetMobile": "nasnet",
    "ResNet50V2": "resnet_v2",
    "DenseNet121": "densenet",
    "ResNet50": "resnet",
    "VGG16": "vgg16",
    "MobileNetV3Small": "mobilenet_v3",
    "EfficientNetB0": "efficientnet",
    "EfficientNetV2B0": "efficientnet_v2",
    "ConvNeXtTiny": "convnext",
}


@pytest.mark.parametrize("name", MODULES)
def test_images_are_prepared_as_keras_does(name):
    images = np.random.default_rng(0).uniform(0, 255, (1, 4, 5, 3)).astype("float32")
    expected = getattr(keras.applications, MODULES[name]).preprocess_input(images.copy())
    prepare = PREPARATIONS[name]
    if prepare is None:
        np.testing.assert_array_equal(expected, images)
        return
    image = keras.Input((None, None, 3))
    prepared = keras.Model(image, prepare(image))(images)
    np.testing.assert_allclose(prepared, expected, rtol=1e-5, atol=1e-4)


def test_all_names_are_of_keras():
    for name in PREPARATIONS:
        assert callable(getattr(keras.applications, name))


def test_weights_of_a_file(tmp_path):
    keras.utils.set_random_seed(0)
    saved, _ = create_backbone("MobileNetV3Small")
    saved.save_weights(tmp_path / "a.weights.h5")
    loaded, _ = create_backbone("MobileNetV3Small", str(tmp_path / "a.weights.h5"))
    for one, other in zip(saved.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(one, other)
    (tmp_path / "b.weights.h5").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"The weights .* of MobileNetV3Small cannot be loaded"):
        create_backbone("MobileNetV3Small", str(tmp_path / "b.weights.h5"))


@pytest.mark.parametrize("name", ["VGG", "nowhere.keras"])
def test_what_is_not_a_backbone_is_refused(name):
    with pytest.raises(ValueError, match=f"backbone is '?{name}"):
        create_backbone(name)
