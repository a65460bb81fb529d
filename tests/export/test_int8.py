"""LiteRT in int8, against the network in float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_multigrid as kmg
from keras_multigrid.export import export_model
from tests.conformance import MODELS
from tests.export import client
from tests.test_stock import prepared

zoo = kmg.applications
SCALED = [keras.layers.Rescaling(1 / 127.5, -1, dtype="float32")]


def images_for(model):
    shape = (6, *model.input_shape[1:])
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def outputs_of(model, folder):
    """Returns the outputs in int8, and in float32."""
    images = images_for(model)
    version = export_model(model, folder, "litert", preprocessing=SCALED, calibration=images)
    outputs = client.litert(version)(images)
    name = "masks" if "masks" in outputs else "probabilities"
    return outputs[name], np.asarray(model(images / 127.5 - 1, training=False))


def test_grids_that_are_pooled_and_skipped(tmp_path):
    # Skips are joined to grids of other ranges, as training makes them: LiteRT's quantizer then has
    # two scales for grids that are pooled, too.
    model = prepared(zoo.UMGSEG(input_shape=(16, 16, 1), width_multiplier=0.03, classes=3))
    quantized, expected = outputs_of(model, tmp_path / "u")
    assert 0 < np.abs(quantized - expected).mean() < 0.01 and expected.std() > 0.1


def test_what_cannot_be_quantized_is_said(tmp_path, monkeypatch):
    layers = [keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3), keras.layers.GlobalMaxPooling2D()]
    model = keras.Sequential(layers, name="simple")
    images = images_for(model)

    def fail(**options):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(tf.lite.experimental, "QuantizationDebugger", fail)
        message = r"quantizer fails on simple \(without a reason\)\. Leave out the calibration"
        with pytest.raises(ValueError, match=message):
            export_model(model, tmp_path / "a", "litert", calibration=images)
    images[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="calibration has values that are not finite; expected"):
        export_model(model, tmp_path / "a", "litert", calibration=images)
    assert not list(tmp_path.rglob("*.tflite"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [case for case in MODELS if not case.slow and not case.name.startswith("TD")],
    ids=lambda case: case.name,
)
def test_every_family(case, tmp_path):
    quantized, expected = outputs_of(prepared(case.make()), tmp_path / case.name)
    assert np.abs(quantized - expected).mean() < 0.1
