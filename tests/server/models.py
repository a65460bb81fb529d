"""Exported networks for the tests of the server."""

import keras
import tensorflow as tf

import keras_multigrid as kmg
from tests.test_stock import prepared


def make_models(folder):
    """Exports a classifier twice, a dense network for bytes, and one that counts."""
    unit_range = keras.layers.Rescaling(1 / 255)
    classifier = prepared(kmg.applications.MG(depth=6, width_multiplier=0.05, classes=10))
    for _ in range(2):
        kmg.export.export_model(
            classifier,
            folder / "digits",
            preprocessing=[kmg.layers.ResizedCentre(32), unit_range],
            features=classifier.get_layer("section3_pool").output,
            facts=kmg.export.Facts(class_names=tuple("0123456789")),
        )
    dense = prepared(kmg.applications.SGSEG(width_multiplier=0.1, classes=4))
    kmg.export.export_model(dense, folder / "dense", preprocessing=[unit_range], dtype="uint8")
    export_counter(folder / "counter" / "1")


def export_counter(folder):
    """Exports what answers with the size of its batch, and takes a while."""

    class Counter(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4, 4, 1), tf.float32, name="images")])
        def count(self, images):
            number = tf.shape(images)[0]
            ones = matrix = tf.ones((300, 300))
            for _ in tf.range(40):
                matrix = matrix @ ones / 300.0
            means = tf.reduce_mean(images, (1, 2, 3)) + 0 * tf.reduce_sum(matrix)
            return {"sizes": tf.fill([number], number), "means": means}

    counter = Counter()
    tf.saved_model.save(counter, str(folder), signatures={"serving_default": counter.count})
