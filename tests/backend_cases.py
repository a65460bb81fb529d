"""What is computed on every backend: `python -m tests.backend_cases OUTPUT.npz DATA_FORMAT`.

Inputs and weights come from NumPy's generator, so each process makes the same ones.
"""

import sys
from unittest import mock

import keras
import numpy as np
from keras import ops

import keras_multigrid as kmg
from keras_multigrid.top_down.capacity import RoomKeeper
from keras_multigrid.top_down.selection import select_all, select_true
from tests.oracle import random_pyramid
from tests.random_weights import randomize
from tests.top_down.oracle import tiny_model


def layer_cases():
    """Returns (name, layer, positional inputs), of odd sizes and one-pixel grids."""
    rng = np.random.default_rng(0)
    pyramid = random_pyramid(rng, 7, 5, [3, 4, 2, 1])
    larger = random_pyramid(rng, 8, 6, [1, 2, 3, 4])
    layers = kmg.layers
    return [
        ("image_pyramid", layers.ImagePyramid(4), [pyramid[0]]),
        ("conv", layers.MultigridConv2D([2, 3, 4, 5], [3, 2, 1, 3]), [pyramid]),
        ("conv_grid_drop", layers.MultigridConv2D([2, 3], use_bias=False), [pyramid]),
        ("conv_valid", layers.MultigridConv2D([2, 3], [3, 2], padding="valid"), [pyramid]),
        ("conv_one_grid", layers.MultigridConv2D([2], 4), [pyramid[:1]]),
        *(
            (f"conv_{name}", layers.MultigridConv2D([2, 3], formulation=name), [larger])
            for name in ("textbook", "transposed", "phases")
        ),
        ("unfused_bias", layers.UnfusedBiasConv2D(3, 3, strides=2), [pyramid[0]]),
        ("transpose", layers.MultigridConv2DTranspose([2, 3, 4, 5]), [pyramid]),
        ("transpose_3", layers.MultigridConv2DTranspose([2] * 4, 3, strides=3), [pyramid]),
        ("transpose_gap", layers.MultigridConv2DTranspose([2] * 4, 1), [pyramid]),
        ("pool", layers.MultigridMaxPooling2D(), [pyramid]),
        ("pool_merge", layers.MultigridMaxPooling2D(merge=True), [pyramid]),
        ("per_grid", layers.PerGrid(keras.layers.Conv2D(3, 3, padding="same")), [pyramid]),
        ("batch_norm", layers.PerGrid(batch_normalization()), [pyramid]),
        ("channel_padding", layers.ChannelPadding(5), [pyramid[0]]),
        ("resized_centre", layers.ResizedCentre(4, shorter=5), [pyramid[0]]),
        ("skip", layers.SkipConcatenate(), [pyramid, larger]),
    ]


def model_cases():
    """Returns (name, model, image); small widths, and sizes that are no multiple of anything."""
    shapes = {
        "PMGSEG": (37, 22, 1),
        "UMGSEG": (37, 22, 1),
        "RPMG": (33, 35, 3),
        "RMG18": (65, 43, 3),
    }
    if channels_first():  # one is enough: what differs is in the layers
        shapes = {"PMGSEG": shapes["PMGSEG"]}
    for name, shape in shapes.items():
        constructor = getattr(kmg.applications, name)
        model = constructor(input_shape=image_shape(*shape), width_multiplier=0.1)
        yield name, model, np.random.default_rng(1).normal(size=(2, *shape)).astype("float32")


def channels_first():
    return keras.config.image_data_format() == "channels_first"


def batch_normalization():
    return kmg.layers.FusedBatchNormalization(axis=1 if channels_first() else -1)


def image_shape(height, width, channels):
    return (channels, height, width) if channels_first() else (height, width, channels)


def to_backend(array):
    return ops.convert_to_tensor(np.moveaxis(array, -1, 1) if channels_first() else array)


def to_numpy(tensor):
    array = ops.convert_to_numpy(tensor)
    return np.moveaxis(array, 1, -1) if channels_first() and array.ndim == 4 else array


def record(results, name, outputs):
    for index, output in enumerate(outputs if isinstance(outputs, list) else [outputs]):
        results[f"{name}/{index}"] = to_numpy(output)


def run():
    """Returns all outputs by name, as channels-last arrays."""
    results = {}
    for name, layer, inputs in layer_cases():
        inputs = [
            [to_backend(grid) for grid in value] if isinstance(value, list) else to_backend(value)
            for value in inputs
        ]
        layer(*inputs)
        randomize(layer)
        record(results, name, layer(*inputs))
        if name == "batch_norm":
            record(results, f"{name}_training", layer(*inputs, training=True))
            record(results, f"{name}_statistics", [weight.value for weight in layer.weights])
    for name, model, image in model_cases():
        randomize(model)
        record(results, name, model(to_backend(image), training=False))
        if name == "PMGSEG":
            measured = kmg.routing.routing(
                model, ops.convert_to_numpy(to_backend(image)), verbose=0
            )
            results["routing"] = np.array([row.activation_norm for row in measured.rows])
            if not channels_first():
                results.update(attention_results(model, image))
            model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
            image = ops.convert_to_numpy(to_backend(image))
            model.train_on_batch(image, np.zeros((2, *model.output_shape[1:])))
            for index, weight in enumerate(model.weights):
                results[f"{name}_trained/{index}"] = ops.convert_to_numpy(weight.value)
    for name in ("textbook", "transposed", "phases"):
        for index, weight in enumerate(weights_after_a_step(name)):
            results[f"conv_{name}_trained/{index}"] = weight
    if not channels_first():  # top-down networks read channels last alone
        for select in (select_true, select_all):
            for name, value in top_down_results(select).items():
                results[f"top_down_{select.__name__}/{name}"] = value
    return results


def attention_results(model, images):
    """Returns attention maps of two probes, by occlusion and by gradients."""
    probes, maps = [(9, 4), (20, 20)], kmg.attention_maps
    options = {"batch_size": 8, "verbose": 0}
    return {
        "occlusion": maps.occlusion_attention(model, images, probes, stride=10, **options),
        "gradient": maps.input_gradient(model, images, probes, **options),
        "integrated": maps.integrated_gradients(model, images, probes, steps=3, **options),
    }


def weights_after_a_step(formulation):
    """Returns the weights of a multigrid convolution after a step of training."""
    rng = np.random.default_rng(3)
    image = keras.Input(image_shape(8, 6, 2))
    pyramid = kmg.layers.ImagePyramid(2)(image)
    pyramid = kmg.layers.MultigridConv2D([2, 2], formulation=formulation)(pyramid)
    model = keras.Model(image, kmg.layers.MultigridConv2D([3, 1], formulation=formulation)(pyramid))
    randomize(model)
    model.compile(keras.optimizers.SGD(0.1), ["mse", "mse"])
    arrays = [
        ops.convert_to_numpy(to_backend(rng.normal(size=(2, *shape)).astype("float32")))
        for shape in ((8, 6, 2), (8, 6, 3), (4, 3, 1))
    ]
    model.train_on_batch(arrays[0], arrays[1:])
    return [ops.convert_to_numpy(weight.value) for weight in model.weights]


def top_down_results(select):
    """Returns what a top-down network gives and learns, with the same draws on every backend."""
    rng = np.random.default_rng(2)
    images = rng.normal(size=(5, 8, 8, 2)).astype("float32")
    # Too little room: on JAX the steps are run again.
    with (
        mock.patch.object(keras.random, "uniform", draw),
        mock.patch.object(RoomKeeper, "room", (2, 2)),
    ):
        model = tiny_model(levels=2)
        model.select = select
        outputs, attention = model.predict(images, verbose=0, return_attention=True)
        rule = kmg.top_down.TopDownLoss(4.0, [0.5, 1], reward_weight=0.1, count_weight=0.1)
        model.compile(keras.optimizers.SGD(0.1), rule, metrics=["accuracy"])
        logs = model.train_on_batch(images, np.arange(5), return_dict=True)
    return {
        "outputs": outputs,
        "attended": np.concatenate(attention.attended, axis=1),
        "logs": np.array([float(logs[name]) for name in sorted(logs)]),
        **{
            f"weight_{index}": ops.convert_to_numpy(weight.value)
            for index, weight in enumerate(model.weights)
        },
    }


def draw(shape, *arguments, **options):
    """Stands for `keras.random.uniform`: NumPy's numbers, the same ones in each row."""
    rows, columns = shape  # TensorFlow may not know the rows yet
    numbers = np.random.default_rng(int(columns)).random((10, columns))
    return ops.convert_to_tensor(numbers, "float32")[:rows]


if __name__ == "__main__":
    keras.config.set_image_data_format(sys.argv[2])
    np.savez(sys.argv[1], **run())
