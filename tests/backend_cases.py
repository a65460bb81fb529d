"""What is computed on every backend: `python -m tests.backend_cases OUTPUT.npz DATA_FORMAT [all]`.

Inputs and weights come from NumPy's generator, so each process makes the same ones. Without `all`,
one small network stands for the others, as compiling each operation takes most of the time.
"""

import sys
from unittest import mock

import keras
import numpy as np
from keras import ops

import keras_multigrid as kmg
from keras_multigrid.top_down.capacity import CapacityRunner
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
        ("conv_strides", layers.MultigridConv2D([2, 3], strides=2, activation="relu"), [pyramid]),
        ("conv_dilated", layers.MultigridConv2D([2, 3], dilation_rate=2), [pyramid]),
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


def model_cases(all_networks):
    """Yields (name, model, image); small widths, and sizes that are multiples of nothing."""
    shapes = {
        "PMGSEG": (37, 22, 1),
        "UMGSEG": (37, 22, 1),
        "RPMG": (33, 35, 3),
        "RMG18": (65, 43, 3),
    }
    if not all_networks:
        shapes = {"PMGSEG": (13, 10, 1)}
    elif channels_first():
        shapes = {"PMGSEG": shapes["PMGSEG"]}
    for name, shape in shapes.items():
        constructor = getattr(kmg.applications, name)
        options = {} if all_networks else {"channel_ratios": (1, 0.5), "classes": 3}
        model = constructor(input_shape=image_shape(*shape), width_multiplier=0.1, **options)
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


def run(all_networks):
    """Returns all outputs by name, as channels-last arrays."""
    results = layer_results()
    if channels_first() and not all_networks:  # what differs is in the layers
        return results
    for name, model, image in model_cases(all_networks):
        randomize(model)
        image_here = ops.convert_to_numpy(to_backend(image))
        record(results, name, ops.convert_to_tensor(model.predict(image_here, verbose=0)))
        if name == "PMGSEG":
            measured = kmg.routing.measure(model, image_here, verbose=0)
            results["routing"] = np.array([row.activation_norm for row in measured.rows])
            if not channels_first():
                results.update(attention_results(model, image, all_networks))
            model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
            model.train_on_batch(image_here, np.zeros((2, *model.output_shape[1:])))
            for index, weight in enumerate(model.weights):
                results[f"{name}_trained/{index}"] = ops.convert_to_numpy(weight.value)
    for name in ("textbook", "transposed", "phases") if all_networks else ("transposed",):
        for index, weight in enumerate(weights_after_a_step(name)):
            results[f"conv_{name}_trained/{index}"] = weight
    if not channels_first():  # top-down networks read channels last alone
        for name, value in top_down_results().items():
            results[f"top_down/{name}"] = value
    return results


def layer_results():
    """Returns the outputs of the layers, on JAX compiled together: that takes most of the time."""
    results, built = {}, []
    for name, layer, inputs in layer_cases():
        inputs = keras.tree.map_structure(to_backend, inputs)
        layer(*keras.tree.map_structure(lambda x: keras.KerasTensor(x.shape, "float32"), inputs))
        randomize(layer)
        built.append((name, layer, inputs))

    def outputs_of(all_inputs):
        return [layer(*inputs) for (_, layer, _), inputs in zip(built, all_inputs)]

    if keras.backend.backend() == "jax":
        import jax

        outputs_of = jax.jit(outputs_of)
    for (name, *_), outputs in zip(built, outputs_of([inputs for *_, inputs in built])):
        record(results, name, outputs)
    ((layer, inputs),) = [case[1:] for case in built if case[0] == "batch_norm"]
    record(results, "batch_norm_training", layer(*inputs, training=True))
    record(results, "batch_norm_statistics", [weight.value for weight in layer.weights])
    return results


def attention_results(model, images, all_ways):
    """Returns attention maps of two probes, by occlusion and by gradients."""
    probes, maps = [(9, 4), (12, 9)], kmg.attention_maps
    options = {"batch_size": 8, "verbose": 0}
    gradient = maps.input_gradient(model, images, probes, **options)
    if not all_ways:
        return {"gradient": gradient}
    return {
        "gradient": gradient,
        "occlusion": maps.sweep(model, images, probes, stride=10, **options).maps(),
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


def top_down_results():
    """Returns what a top-down network gives and learns, with the same draws on every backend."""
    rng = np.random.default_rng(2)
    images = rng.normal(size=(5, 8, 8, 2)).astype("float32")
    # Too small capacities: on JAX the steps run again.
    with (
        mock.patch.object(keras.random, "uniform", draw),
        mock.patch.object(CapacityRunner, "capacities", (2, 2)),
    ):
        model = tiny_model(levels=2)
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
    np.savez(sys.argv[1], **run(all_networks="all" in sys.argv))
