"""The same checks for every public layer and every network: see `conformance.py`."""

import copy
import inspect
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import keras_multigrid as kmg
from tests.conformance import LAYERS, MODELS, random_inputs
from tests.random_weights import randomize

POLICIES = ("mixed_float16", "mixed_bfloat16")


def each(cases):
    """Runs a test for each case, the slow ones marked so."""
    return pytest.mark.parametrize("case", [_parameter(case) for case in cases])


def each_with_policy(cases):
    """Runs a test for each case and policy, of networks by default one policy."""
    return pytest.mark.parametrize(
        "case, policy",
        [
            _parameter(case, policy, slow=case in MODELS and policy != POLICIES[0])
            for case in cases
            for policy in POLICIES
        ],
    )


def _parameter(case, *others, slow=False):
    marks = [pytest.mark.slow] if slow or case.slow or case.alike else []
    return pytest.param(case, *others, id="-".join([case.name, *others]), marks=marks)


MADE = {}


def built(case):
    """Returns the one model of a case that several tests use."""
    if case.name not in MADE:
        MADE[case.name] = case.model()
    return MADE[case.name]


def test_every_public_name_has_a_case():
    constructors = [
        name
        for name, value in vars(kmg.applications).items()
        if inspect.isfunction(value) and name[0].isupper()
    ]
    assert sorted(case.name for case in LAYERS) == sorted(kmg.layers.__all__)
    assert sorted(case.name for case in MODELS) == sorted(constructors)


@each(LAYERS + MODELS)
def test_config_round_trip(case):
    original = built(case) if case in MODELS else case.make()
    if case in LAYERS:  # of networks, what follows does it
        config = original.get_config()
        again = type(original).from_config(copy.deepcopy(config))
        assert again.get_config() == config == original.get_config()
    text = json.dumps(keras.saving.serialize_keras_object(original))
    again = keras.saving.deserialize_keras_object(json.loads(text))
    assert json.dumps(keras.saving.serialize_keras_object(again)) == text


@each(LAYERS)
def test_config_has_every_argument(case):
    layer = case.make()
    parameters = inspect.signature(type(layer).__init__).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = {entry.name for entry in parameters if entry.kind in kinds}
    assert named - {"self"} <= set(layer.get_config())


@each(LAYERS + MODELS)
def test_shapes_are_known_before_computing(case):
    model = built(case)
    outputs = keras.tree.flatten(model(random_inputs(model)))
    symbolic = keras.tree.flatten(model.outputs)
    assert [(2, *tensor.shape[1:]) for tensor in symbolic] == [tuple(x.shape) for x in outputs]
    assert all(layer.built for layer in model._flatten_layers())


@each_with_policy(LAYERS + MODELS)
def test_mixed_precision(case, policy):
    if case in LAYERS:
        # The global policy stays float32: a sublayer made without `dtype` would show.
        arguments = [
            [np.ones((2, *grid), "float32") for grid in shape]
            if isinstance(shape, list)
            else np.ones((2, *shape), "float32")
            for shape in case.inputs
        ]
        subject = case.make(dtype=policy)
        outputs = subject(*arguments)
    else:
        keras.config.set_dtype_policy(policy)
        subject = case.make()
        outputs = subject(random_inputs(subject))
    for layer in subject._flatten_layers():
        # The last activation is in full precision, whatever comes before.
        expected = "float32" if layer.name == "predictions" else policy
        assert layer.dtype_policy.name == expected, layer.name
    assert {variable.dtype for variable in subject.weights} <= {"float32"}
    names = {layer.name for layer in subject._flatten_layers()}
    full = case in MODELS and "predictions" in names
    dtype = "float32" if full else policy.removeprefix("mixed_")
    for output in keras.tree.flatten(outputs):
        assert keras.backend.standardize_dtype(output.dtype) == dtype
        assert np.isfinite(ops.convert_to_numpy(ops.cast(output, "float32"))).all()


@each(LAYERS + MODELS)
def test_fit(case, request):
    model = case.model()
    # One output each, as several outputs of one layer share its name.
    outputs = [
        keras.layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x for x in model.outputs
    ]
    output = keras.layers.Concatenate()(outputs) if len(outputs) > 1 else outputs[0]
    model = keras.Model(model.input, output)
    # The graph of a network takes far longer to make than one step.
    eagerly = case in MODELS and not request.config.getoption("--runslow")
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=eagerly)
    inputs = random_inputs(model)
    before = [variable.numpy() for variable in model.trainable_variables]
    history = model.fit(inputs, np.ones((2, *model.output_shape[1:])), verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    changed = [
        not np.array_equal(variable.numpy(), value)
        for variable, value in zip(model.trainable_variables, before)
    ]
    assert any(changed) or not before
    assert all(np.isfinite(variable.numpy()).all() for variable in model.variables)


def outputs_of_inputs_saved(model, path):
    inputs = random_inputs(model)
    np.savez(path, *(inputs if isinstance(inputs, list) else [inputs]))
    return keras.tree.flatten(model(inputs, training=False))


def assert_equal_in_a_fresh_process(folder, expected, tolerance):
    """Compares the outputs of what lies in the folder, computed by another Python, by name."""
    script = pathlib.Path(__file__).with_name("load_saved.py")
    process = subprocess.run(
        [sys.executable, script, folder],
        env={**os.environ, "PYTHONPATH": str(script.parents[1])},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-4000:]
    wrong = []
    for name, outputs in expected.items():
        with np.load(folder / f"{name}.outputs.npz") as arrays:
            pairs = zip(arrays.values(), map(ops.convert_to_numpy, outputs), strict=True)
            if not all(np.allclose(*pair, rtol=tolerance, atol=tolerance) for pair in pairs):
                wrong.append(name)
    assert not wrong


def test_saved_and_loaded_in_a_fresh_process(tmp_path, request):
    """All cases share one process, as starting it takes longest. No `custom_objects`."""
    expected = {}
    for case in LAYERS + MODELS:
        if (case.slow or case.alike) and not request.config.getoption("--runslow"):
            continue
        model = built(case)
        randomize(model)
        model.save(tmp_path / f"{case.name}.keras")
        expected[case.name] = outputs_of_inputs_saved(model, tmp_path / f"{case.name}.npz")
    assert_equal_in_a_fresh_process(tmp_path, expected, 1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="SavedModel is TensorFlow's")
def test_exported_and_loaded_without_keras(tmp_path, request):
    expected = {}
    all_networks = request.config.getoption("--runslow")
    for case in MODELS:
        if case.slow or not (case.export or all_networks):
            continue
        model = built(case)
        randomize(model)
        model.export(tmp_path / f"{case.name}.export", verbose=False)
        expected[case.name] = outputs_of_inputs_saved(model, tmp_path / f"{case.name}.npz")
    assert_equal_in_a_fresh_process(tmp_path, expected, 1e-5)
