"""Every layer and every network, exported for images of any size, equals Keras at each size.

What is exported is a graph of symbolic sizes; Keras computes here step by step, on known ones.
LiteRT, which has images of one size, is given an export for each.
"""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid import layers
from keras_multigrid.copies import at_size
from keras_multigrid.export import export_model
from keras_multigrid.top_down import TopDown
from tests.conformance import LARGER, LAYERS, MODELS, PYRAMID, Case
from tests.export import client
from tests.random_weights import randomize
from tests.test_stock import prepared

ANY = (None, None)
SIZES = [(side, side) for side in (5, 6, 7, 8, 9, 33)] + [(63, 64)]
RUNTIMES = {  # and the format that each reads
    "onnxruntime": "onnx",
    "tensorflow": "savedmodel",
    "openvino": "savedmodel",
    "litert": "litert",
}
KERAS_OWN = ("ResNet50", "VGG16ImageNet")  # without their top they have no predictions to export


def transposed(strides, kernel_size):
    def make():
        return layers.MultigridConv2DTranspose([4, 3, 2], kernel_size, strides)

    return Case(f"MultigridConv2DTranspose-{strides}-{kernel_size}", make, (PYRAMID,))


def per_grid(name, layer):
    return Case(f"PerGrid-{name}", lambda: layers.PerGrid(layer()), (PYRAMID,))


TRANSPOSED = [transposed(*both) for both in itertools.product((1, 2, 3, 4), (1, 2, 5))]
# The layers of `conformance.py`, and what they do to sizes with other arguments.
CASES = [
    *LAYERS,
    *TRANSPOSED,
    Case("ImagePyramid-6", lambda: layers.ImagePyramid(6), ((7, 5, 3),)),
    Case("MultigridConv2D-even", lambda: layers.MultigridConv2D([2, 3, 4], [2, 4, 2]), (PYRAMID,)),
    Case(
        "MultigridConv2D-valid",
        lambda: layers.MultigridConv2D([4, 3], padding="valid"),
        (PYRAMID,),
    ),
    Case(
        "MultigridConv2D-strides",
        lambda: layers.MultigridConv2D([4, 3], strides=2, activation="relu"),
        (PYRAMID,),
    ),
    Case("MultigridMaxPooling2D-all", lambda: layers.MultigridMaxPooling2D(), (PYRAMID,)),
    Case("SkipConcatenate-fewer", lambda: layers.SkipConcatenate(), (PYRAMID, LARGER[:1])),
    per_grid("strided", lambda: keras.layers.Conv2D(3, 3, strides=2, padding="same")),
    per_grid("enlarged", lambda: keras.layers.Conv2DTranspose(3, 3, strides=3, padding="same")),
    per_grid("normalized", keras.layers.BatchNormalization),
]


DEFAULT = [case for case in CASES if case not in TRANSPOSED or case.name[-3:] in ("3-2", "2-5")]


def around(case, size):
    """Returns a model with the layer between an image and named outputs.

    Its pyramids are the image's; a second one is of the image with a border, so that it is larger.
    """
    inputs = [shape if isinstance(shape, list) else [shape] for shape in case.inputs]
    images = keras.Input(
        (*size, max(grid[-1] for grids in inputs for grid in grids)), name="images"
    )
    arguments = []
    for number, (shape, grids) in enumerate(zip(case.inputs, inputs)):
        border = keras.layers.ZeroPadding2D(((0, number), (0, number)))(images)
        pyramid = layers.ImagePyramid(len(grids))(border)
        pyramid = [values[..., : grid[-1]] for values, grid in zip(pyramid, grids)]
        arguments.append(pyramid if isinstance(shape, list) else pyramid[0])
    outputs = keras.tree.flatten(case.make()(*arguments))
    model = keras.Model(images, {f"grid_{number}": grid for number, grid in enumerate(outputs)})
    randomize(model)
    return model


def layer_models(case, file_format):
    """Returns pairs of a model and the sizes it is for: one of any size, if there can be one."""
    if file_format != "litert":
        try:
            return [(around(case, ANY), SIZES)]
        except ValueError as error:  # as `ZCAWhitening` refuses it
            assert "known" in str(error)
    return [(around(case, size), [size]) for size in SIZES[:4]]


def images_of(size, channels):
    return np.random.default_rng(0).uniform(-1, 1, (2, *size, channels)).astype("float32")


def write_layer(model, folder, file_format):
    folder.mkdir()
    files = {"onnx": folder / "model.onnx", "litert": folder / "model.tflite"}
    *size, channels = model.input_shape[1:]
    model(images_of(SIZES[-1] if None in size else size, channels))  # as ONNX needs it
    keras_format = file_format.replace("savedmodel", "tf_saved_model")
    model.export(files.get(file_format, folder), format=keras_format, verbose=False)


def assert_equal(outputs, expected, label):
    assert sorted(outputs) == sorted(expected), label
    for name, values in expected.items():
        values = np.asarray(values)
        assert outputs[name].shape == values.shape, (label, name)
        np.testing.assert_allclose(outputs[name], values, rtol=1e-4, atol=1e-5, err_msg=str(label))


def check_layer(case, runtime, folder):
    file_format = RUNTIMES[runtime]
    for number, (model, sizes) in enumerate(layer_models(case, file_format)):
        write_layer(model, folder / str(number), file_format)
        answer = getattr(client, runtime)(folder / str(number))
        for size in sizes:
            images = images_of(size, model.input_shape[-1])
            assert_equal(answer(images), model(images, training=False), size)


@pytest.mark.parametrize(
    "case",
    [
        # Of kernels and strides by default one where the kernel is smaller, and one larger.
        pytest.param(case, marks=[] if case in DEFAULT else [pytest.mark.slow])
        for case in CASES
    ],
    ids=lambda case: case.name,
)
def test_layers_as_onnx(case, tmp_path):
    check_layer(case, "onnxruntime", tmp_path)


@pytest.mark.parametrize("case", [transposed(3, 2), transposed(3, 5)], ids=lambda case: case.name)
def test_transposed_convolutions_of_one_size_as_onnx(case, tmp_path):
    # The kernels' padding is written as numbers where sides are known.
    model = around(case, (5, 6))
    write_layer(model, tmp_path / "1", "onnx")
    images = images_of((5, 6), model.input_shape[-1])
    answer = client.onnxruntime(tmp_path / "1")
    assert_equal(answer(images), model(images, training=False), case.name)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "onnxruntime"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layers_in_other_formats(case, runtime, tmp_path):
    check_layer(case, runtime, tmp_path)


@pytest.mark.parametrize("in_grids", [False, True])
def test_a_bias_that_onnx_would_leave_out_is_refused(in_grids, tmp_path):
    image = keras.Input((*ANY, 1))
    enlarge = keras.layers.Conv2DTranspose(2, 2, strides=3, name="enlarge")
    enlarged = layers.PerGrid(enlarge)([image])[0] if in_grids else enlarge(image)
    model = keras.Model(image, enlarged)
    with pytest.raises(ValueError, match=r"strides of \(3, 3\): onnx would leave out its bias"):
        export_model(model, tmp_path / "a", "onnx")


def unsaturated(model):
    """Weakens the last layer of a classifier, whose probabilities would else be 0 and 1."""
    if "logits" in {layer.name for layer in model.layers}:
        logits = model.get_layer("logits")
        features = keras.Model(model.input, logits.output)
        spread = np.asarray(features(images_of(*split(model.input_shape)))).std()
        for weight in logits.weights:
            weight.assign(weight / spread)
    return model


def split(shape):
    """Returns the size and the channels of a shape of images."""
    return tuple(shape[1:3]), shape[3]


def check_network(case, runtime, folder):
    file_format = RUNTIMES[runtime]
    model = unsaturated(prepared(case.make()))
    own_size, channels = split(model.input_shape)
    if any(isinstance(layer, TopDown) for layer in model.layers):
        if runtime != "tensorflow":  # `test_export.py` has the refusals
            return
        again, sizes = model, [own_size]
    else:
        again, sizes = at_size(model, ANY), SIZES
    answer = None
    for size in sizes:
        images = images_of(size, channels)
        try:
            expected = again(images, training=False)
        except tf.errors.OpError as error:  # smaller than a window
            assert "pooling" in str(error) or "negative" in str(error)
            continue
        if answer is None or file_format == "litert":
            exported_size = size if file_format == "litert" or again is model else None
            exported = export_model(model, folder / case.name, file_format, size=exported_size)
            answer = getattr(client, runtime)(exported)
        outputs = {name: x for name, x in answer(images).items() if name != "classes"}
        name = "masks" if len(expected.shape) == 4 else "probabilities"
        assert_equal(outputs, {name: expected}, size)


def networks(marked):
    """Returns the cases, those that are not `marked` to run with `--runslow` only."""
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param(case, id=case.name, marks=[] if marked(case) else [pytest.mark.slow])
            for case in MODELS
            if case.name not in KERAS_OWN
        ],
    )


@networks(lambda case: case.export)
def test_networks_as_onnx(case, tmp_path):
    check_network(case, "onnxruntime", tmp_path)


@networks(lambda case: False)
@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "onnxruntime"])
def test_networks_in_other_formats(case, runtime, tmp_path):
    check_network(case, runtime, tmp_path)
