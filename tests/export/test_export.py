"""What an export writes, and what it refuses."""

import contextlib
import io
import json
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_multigrid as kmg
from keras_multigrid.cli import main
from keras_multigrid.export import export_model, serving_model
from keras_multigrid.export.versions import new_version, version_folders
from keras_multigrid.recipes import RECIPES
from keras_multigrid.runs.export import export_run
from tests.test_stock import prepared

layers = kmg.layers
zoo = kmg.applications
UNIT_RANGE = keras.layers.Rescaling(1 / 255, dtype="float32")
SIDES = (32, 32)


@pytest.fixture(scope="module")
def classifier():
    return prepared(zoo.MG(depth=6, width_multiplier=0.05, classes=4))


@pytest.fixture(scope="module")
def tiny():
    """A classifier of two grids, for what is written rather than computed."""
    image = keras.Input((32, 32, 3))
    pyramid = layers.MultigridConv2D([4, 2], use_bias=False)(layers.ImagePyramid(2)(image))
    pyramid = layers.PerGrid(keras.layers.BatchNormalization())(pyramid)
    (grid,) = layers.MultigridMaxPooling2D(merge=True)(pyramid)
    features = keras.layers.GlobalAveragePooling2D()(grid)
    outputs = keras.layers.Dense(4, activation="softmax")(features)
    return prepared(keras.Model(image, outputs, name="tiny"))


@pytest.fixture(scope="module")
def run(tmp_path_factory, drawn_without_xla):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    settings = ["model=PMG-11", "channel_ratios=1,0.5", "repeats=1", "epochs=1"]
    arguments = [f"--set={setting}" for setting in settings]
    arguments += ["--scale", "smoke", "--output", str(folder)]
    assert main(["train", "mnist_segmentation", *arguments]) == 0
    return folder


@pytest.fixture(scope="module")
def saved_model(run):
    """The run's network as SavedModel."""
    assert main(["export", str(run), "--licence", "CC0-1.0"]) == 0
    return run / "savedmodel" / "PMG-11" / "1"


@pytest.fixture(scope="module")
def trained(run):
    return keras.models.load_model(run / "model.keras")


def test_a_run_is_served_with_its_preprocessing(trained, saved_model):
    recipe = RECIPES["mnist_segmentation"](**RECIPES["mnist_segmentation"].SCALES["smoke"])
    images, masks = recipe.sent_images("test", 3)
    prepared_images, again = next(recipe.load_evaluation("test").as_numpy_iterator())
    assert images.dtype == "float32" and images.min() >= -0.01 and images.max() <= 255.01
    np.testing.assert_array_equal(masks, again[:3])
    served = tf.saved_model.load(str(saved_model))  # its function alone lets go of it
    outputs = served.signatures["serving_default"](images=tf.constant(images))
    expected = trained(prepared_images[:3], training=False)
    assert list(outputs) == ["masks"]
    np.testing.assert_allclose(outputs["masks"], expected, atol=1e-5)


def test_features_are_the_last_pyramid(trained, saved_model):
    options = {"input_shape": (64, 64, 1), "width_multiplier": 0.0625}
    options |= {"channel_ratios": (1, 0.5), "repeats": 1}
    pyramid = zoo.PMGSEG(pyramid_outputs=True, **options)
    pyramid.set_weights(trained.get_weights()[: len(pyramid.get_weights())])
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 1)).astype("float32")
    served = tf.saved_model.load(str(saved_model))
    outputs = served.signatures["features"](images=tf.constant(images))
    expected = pyramid(zoo.preprocess_digits(images / 255), training=False)
    assert sorted(outputs) == ["grid_0", "grid_1"]
    for grid, values in enumerate(expected):
        np.testing.assert_allclose(outputs[f"grid_{grid}"], values, atol=1e-4)


def test_image_files_are_decoded(saved_model):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 37, 50, 1), dtype=np.uint8)
    files = tf.stack([tf.io.encode_png(image) for image in images])
    served = tf.saved_model.load(str(saved_model))
    outputs = served.signatures["image_files"](image_files=files)
    arrays = served.signatures["serving_default"](images=tf.constant(images, tf.float32))
    np.testing.assert_allclose(outputs["masks"], arrays["masks"], atol=1e-6)


def test_weights_are_written_once(trained, saved_model):
    variables = tf.train.list_variables(str(saved_model / "variables" / "variables"))
    count = sum(np.prod(shape) for name, shape in variables if "VARIABLE_VALUE" in name)
    assert count <= trained.count_params()


def test_warm_up_requests_are_answered(saved_model):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    served = tf.saved_model.load(str(saved_model))
    path = saved_model / "assets.extra" / "tf_serving_warmup_requests"
    signatures = set()
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = apis.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "PMG-11"
        signatures.add(request.model_spec.signature_name)
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        served.signatures[request.model_spec.signature_name](
            **{name: tf.constant(value) for name, value in inputs.items()}
        )
    assert signatures == {"serving_default", "image_files", "features"}


def test_the_card_says_what_it_is_and_its_program_runs(saved_model):
    card = (saved_model / "README.md").read_text()
    metrics = json.loads((saved_model.parents[2] / "metrics.json").read_text())
    assert f"| mean IoU, % (test data) | {metrics['scores']['mean IoU']:.4g} |" in card
    assert "| `images` | float32 | (N, height, width, 1) | grey images" in card
    assert "CC0-1.0" in card and "--set width_multiplier=0.0625" in card
    (program,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    program += "print(sorted(outputs), outputs['masks'].shape)"
    said = said_by_a_process(program, saved_model.parents[1])
    assert said.strip() == "['masks'] (1, 64, 64, 10)"


@pytest.mark.parametrize("file_format", ["onnx", "litert", "keras"])
def test_the_programs_of_other_cards_run(file_format, tiny, tmp_path, request):
    preprocessing = [layers.ResizedCentre(32), UNIT_RANGE]
    folder = tmp_path / "digits"
    version = export_model(tiny, folder, file_format, preprocessing=preprocessing, dtype="uint8")
    (program,) = re.findall(r"```python\n(.*?)```", (version / "README.md").read_text(), re.DOTALL)
    program += "print(sorted(outputs), outputs['probabilities'].shape)"
    # Only Keras takes seconds to import.
    here = file_format == "keras" and not request.config.getoption("--runslow")
    said = (said_here if here else said_by_a_process)(program, tmp_path)
    assert said.splitlines()[-1:] == ["['classes', 'probabilities'] (1, 4)"]


def said_by_a_process(program, folder):
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr[-2000:]
    return process.stdout


def said_here(program, folder):
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as said:
        exec(program, {})
    return said.getvalue()


def graph_of(folder):
    """Returns the nodes of a SavedModel's functions, without the numbers of their names."""
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    functions = proto.meta_graphs[0].graph_def.library.function
    nodes = [
        (re.sub(r"_\d+$", "", function.signature.name), node.name, node.op, *node.input)
        for function in functions
        if "traced" not in function.signature.name  # which save and restore the weights
        for node in function.node_def
    ]
    return sorted(tuple(re.sub(r"_\d+\b", "", part) for part in node) for node in nodes)


def test_exported_twice_the_same_graph(tiny, tmp_path):
    first, second = (export_model(tiny, tmp_path / "digits") for _ in range(2))
    assert (first.name, second.name) == ("1", "2")
    assert graph_of(first) == graph_of(second) and len(graph_of(first)) > 50


def test_exported_twice_the_same_files(tiny, tmp_path):
    onnx = pytest.importorskip("onnx")
    litert = [export_model(tiny, tmp_path / "a", "litert") / "model.tflite" for _ in range(2)]
    assert litert[0].read_bytes() == litert[1].read_bytes()
    graphs = [
        onnx.load(export_model(tiny, tmp_path / "b", "onnx") / "model.onnx").graph for _ in range(2)
    ]
    # Names have numbers that go on counting, and the order of independent nodes is open.
    first, second = (
        sorted((node.op_type, len(node.input)) for node in graph.node) for graph in graphs
    )
    assert first == second and len(first) > 5
    # Weights are floats; integers are shapes, which tf2onnx folds in whatever order it meets them.
    first, second = (
        sorted(
            onnx.numpy_helper.to_array(tensor).tobytes()
            for tensor in graph.initializer
            if tensor.data_type == onnx.TensorProto.FLOAT
        )
        for graph in graphs
    )
    assert first == second and len(first) > 3


def test_rewriting_can_be_turned_off(classifier):
    counts = [
        kmg.complexity.profile(
            serving_model(classifier, size=(32, 32), rewrite=rewrite).predict
        ).macs
        for rewrite in (True, False)
    ]
    assert counts[0] < counts[1] == kmg.complexity.profile(classifier).macs


def test_int8_is_smaller_and_about_the_same(classifier, tmp_path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3)).astype("float32")
    outputs, sizes = [], []
    for calibration in (None, images):
        folder = tmp_path / ("float" if calibration is None else "int8")
        version = export_model(
            classifier, folder, "litert", preprocessing=[UNIT_RANGE], calibration=calibration
        )
        path = version / "model.tflite"
        sizes.append(path.stat().st_size)
        loaded = interpreter.Interpreter(str(path))
        loaded.resize_tensor_input(loaded.get_input_details()[0]["index"], images.shape)
        outputs.append(loaded.get_signature_runner()(images=images)["probabilities"])
    assert sizes[1] < 0.8 * sizes[0]
    assert 0 < np.abs(outputs[1] - outputs[0]).max() < 0.1


def test_a_killed_export_leaves_no_version(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_version(tmp_path / "a", "model.onnx") as (part, _):
        (part / "model.onnx").write_text("half")
        raise KeyboardInterrupt
    assert version_folders(tmp_path / "a") == [] and list((tmp_path / "a").iterdir()) == []
    for number in (9, 10):
        (tmp_path / "a" / str(number)).mkdir()
        (tmp_path / "a" / str(number) / "model.onnx").write_text("whole")
    with new_version(tmp_path / "a", "model.onnx") as (_, version):
        pass
    assert version.name == "11" and version.is_dir()


def test_sequential_models_and_other_channels(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((6, 8, 5)),
            keras.layers.Conv2D(4, 3),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    version = export_model(model, tmp_path / "sequence", preprocessing=UNIT_RANGE)
    loaded = tf.saved_model.load(str(version))
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 5)).astype("float32")
    outputs = loaded.signatures["serving_default"](images=tf.constant(images))
    assert list(outputs) == ["probabilities"] and list(loaded.signatures) == ["serving_default"]
    expected = model(images / 255, training=False)
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=1e-5)


def test_what_a_format_cannot_do_is_said(tmp_path):
    dense = zoo.SGSEG(width_multiplier=0.1, input_shape=(None, None, 1))
    with pytest.raises(ValueError, match="litert takes images of one size, and the network any"):
        export_model(dense, tmp_path / "a", "litert")
    image = keras.Input((28, 28, 1))
    top_down = zoo.TDMNIST1(levels=2, sample=False, input_tensor=image)
    with pytest.raises(ValueError, match="gather what they attend, which onnx cannot do"):
        export_model(top_down, tmp_path / "a", "onnx")
    with pytest.raises(ValueError, match=r"size is 64; expected \(height, width\)"):
        export_model(dense, tmp_path / "a", size=64)
    vectors = keras.Sequential([keras.Input((10,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=r"input has shape \(None, 10\); expected images"):
        export_model(vectors, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_several_outputs_are_refused():
    image = keras.Input((8, 8, 3))
    vector = keras.layers.GlobalAveragePooling2D()(image)
    with pytest.raises(ValueError, match="has 1 inputs and 2 outputs; expected one of each"):
        serving_model(keras.Model(image, [vector, vector]))
    with pytest.raises(ValueError, match="is a Sequential whose inputs are not known"):
        serving_model(keras.Sequential([keras.layers.Dense(3)]))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--format", "tflite"], "format is 'tflite'; expected one of savedmodel, onnx, litert"),
        (["--size", "64"], "--size is '64'; expected HEIGHTxWIDTH, for example 64x64."),
        (["--dtype", "int8"], "dtype is 'int8'; expected one of float32, uint8."),
        (["--int8"], "int8 is for format litert; got savedmodel."),
    ],
)
def test_misuse_is_one_line_and_status_2(run, arguments, message, capsys):
    assert main(["export", str(run), *arguments]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert message in error


def test_runs_that_cannot_be_exported(tmp_path, capsys):
    assert main(["export", str(tmp_path)]) == 2
    assert "is not the folder of a run" in capsys.readouterr().err
    pathlib.Path(tmp_path, "recipe.json").write_text('{"recipe": "cifar10", "fields": {}}')
    with pytest.raises(ValueError, match="is not finished; `keras-multigrid train` continues it"):
        export_run(tmp_path)
