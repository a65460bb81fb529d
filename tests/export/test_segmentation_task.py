"""Exports and the server carry what masks mean."""

import base64
import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import keras_multigrid as kmg
from keras_multigrid.cli import main
from keras_multigrid.datasets.masks.labels import SegmentationTask
from keras_multigrid.export.segmentation_task import read_task
from keras_multigrid.server import Limits
from keras_multigrid.server.interface import read_interface
from keras_multigrid.server.protocol import read_request, write_answer
from tests.prediction.runs import LABELS, brightest, pixels, write_image

TASK = SegmentationTask(labels=LABELS, channels=3, image_type="uint8")


def export(folder, task=TASK, file_format="savedmodel"):
    facts = kmg.export.Facts(class_names=LABELS.names, task=task)
    return kmg.export.export_model(brightest(), folder, file_format, facts=facts)


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return export(tmp_path_factory.mktemp("models") / "colours")


def test_what_masks_mean_lies_beside_the_network(version):
    assert read_task(version) == TASK
    assert "`segmentation.json`" in (version / "README.md").read_text()


def test_exported_networks_predict_as_runs_do(tmp_path):
    version = export(tmp_path / "colours", file_format="keras")
    image = pixels(9, 12, 3)
    path = write_image(tmp_path / "a.png", image)
    assert main(["predict", str(version), str(path), "--output", str(tmp_path / "output")]) == 0
    mask = np.asarray(Image.open(tmp_path / "output/a.png"))
    np.testing.assert_array_equal(mask, np.array(LABELS.values)[image.argmax(-1)])


def test_masks_are_answered_as_files_on_request(version):
    interface, image, file = read_interface(version.parent), pixels(9, 12, 3), io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    instance = {"b64": base64.b64encode(file.getvalue()).decode()}
    body = json.dumps({"signature_name": "mask_files", "instances": [instance]}).encode()
    work = read_request(body, interface, Limits())
    model = tf.saved_model.load(str(version))
    outputs = model.signatures[work.signature](images=tf.constant(work.images, tf.float32))
    results = [{name: array.numpy()[0] for name, array in outputs.items()}]
    (answer,) = json.loads(write_answer(work, results))["predictions"]
    mask = Image.open(io.BytesIO(base64.b64decode(answer["b64"])))
    assert mask.mode == "P"
    np.testing.assert_array_equal(np.asarray(mask), np.array(LABELS.values)[image.argmax(-1)])


def test_networks_for_16_bits_take_no_files_of_8(tmp_path):
    task = SegmentationTask(labels=LABELS, channels=3, image_type="uint16")
    version = export(tmp_path / "deep", task)
    assert read_interface(version.parent).signatures == ("serving_default",)
    assert "values as files of uint16 hold them" in (version / "README.md").read_text()
