"""What flows where: gradients reach the kernels, and the context an output pixel sees."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_multigrid as kmg

# Grids that are dropped right after they are computed, or that no output reads: the paper's
# parameter counts include them.
DROPPED = {"full_unit3": 3, "drop_unit3": 2, "drop_unit2": 1}
UNREAD = {
    "PMG-11": {f"{unit}_conv/kernel_{grid}" for unit, grid in DROPPED.items()},
    "R-PMG-20": {f"{unit}_2_conv/kernel_{grid}" for unit, grid in DROPPED.items()},
    "U-MG-11": {"output_conv/kernel_1", "output_conv/kernel_2", "up1_conv/kernel_2"},
    # Only the coarsest grid is classified: what needs k layers to reach it is unread in the last k.
    "R-PMG-30-SEG": {
        f"stage3_unit2_{conv}_conv/kernel_{grid}"
        for conv, grids in ((1, (0, 1)), (2, (0, 1, 2)))
        for grid in grids
    }
    | {"stage3_unit1_2_conv/kernel_0"},
}
NAMES = (
    "VGG-11", "MG-11", "MG-sm-6", "PMG-9", "RES-12", "R-MG-12", "R-PMG-16", "U-NET-11", "U-MG-11",
    "SG-11", "R-SG-20", "PMG-11", "R-PMG-20", "R-MG-18", "R-PMG-30-SEG",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_gradient_reaches_every_kernel_that_can_matter(name):
    keras.utils.set_random_seed(0)
    options = {"input_shape": (64, 64, 3)} if name in ("R-MG-18", "R-PMG-30-SEG") else {}
    model = kmg.applications.create_model(name, width_multiplier=0.25, **options)
    images = np.random.default_rng(0).normal(size=(4, *model.input_shape[1:])).astype("float32")
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        # Random weights per output: a sum of softmax outputs would be constant.
        loss = tf.reduce_sum(outputs * np.random.default_rng(1).normal(size=outputs.shape))
    kernels = [weight for weight in model.trainable_weights if "kernel" in weight.name]
    gradients = tape.gradient(loss, [kernel.value for kernel in kernels])
    unreached = {
        kernel.path
        for kernel, gradient in zip(kernels, gradients)
        if gradient is None or not np.any(gradient)
    }
    assert unreached == UNREAD.get(name, set())


def seen_by_the_centre(name):
    """Returns which input pixels change the output pixel in the middle, over a few images."""
    keras.utils.set_random_seed(0)
    model = kmg.applications.create_model(name, width_multiplier=0.25, classifier_activation=None)
    images = tf.constant(np.random.default_rng(0).normal(size=(16, 64, 64, 1)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(images)
        output = tf.reduce_sum(model(images, training=False)[:, 32, 32])
    return np.any(tape.gradient(output, images).numpy() != 0, axis=(0, 3))


def test_multigrid_sees_the_whole_image():
    assert seen_by_the_centre("PMG-11").all()


def test_single_grid_sees_only_its_neighbourhood():
    seen = seen_by_the_centre("SG-11")
    rows, columns = np.nonzero(seen)
    # Eight 3x3 convolutions reach eight pixels to each side.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (24, 40, 24, 40)
