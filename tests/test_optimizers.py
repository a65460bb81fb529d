"""SGD against a NumPy simulation; on other backends by `python -m tests.test_optimizers`."""

import sys
import warnings

import keras
import numpy as np
import pytest

from keras_multigrid.layers import ImagePyramid, MultigridConv2D
from keras_multigrid.optimizers import SGD
from keras_multigrid.schedules import StepwisePerEpoch
from tests.test_backends import run_python

DECAY, MOMENTUM = 0.3, 0.9
STEPS_PER_EPOCH = 2
RATES = [0.2, 0.2, 0.1, 0.1] + [0.05] * 6  # of `schedule`

# Options of SGD, by name; 5 real updates each.
CASES = {
    "l2": {},
    "decoupled": {"decoupled": True},
    "no decay": {"weight_decay": None},
    "no momentum": {"momentum": 0.0},
    "nesterov": {"nesterov": True},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.4},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "ema": {"use_ema": True, "ema_momentum": 0.7},
    "ema overwrites": {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 2},
    "accumulation": {"gradient_accumulation_steps": 2},
    "accumulation, clipped, decoupled": {
        "gradient_accumulation_steps": 2,
        "clipnorm": 0.5,
        "decoupled": True,
    },
    "fixed loss scale": {"loss_scale_factor": 64.0},
    "loss scale": {},
    "loss scale, decoupled": {"decoupled": True},
    "loss scale, accumulation, clipped": {"gradient_accumulation_steps": 2, "clipnorm": 0.5},
    "without gradient": {},
    "without gradient, decoupled": {"decoupled": True},
    "without gradient, accumulation": {"gradient_accumulation_steps": 2},
}
# Compiled, and on other backends, by default; all of them with --runslow.
SOME = (
    "l2",
    "nesterov",
    "accumulation, clipped, decoupled",
    "loss scale, accumulation, clipped",
    "without gradient, decoupled",
)


def schedule():
    return StepwisePerEpoch(STEPS_PER_EPOCH, boundaries=(1, 2), factor=0.5, start=0.2)


def start():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in [(3, 2), (2,), (4,)]]


def gradients(name):
    """Returns one list per step; None is a missing gradient, infinity what float16 may give."""
    rng = np.random.default_rng(1)
    steps = [
        [rng.normal(size=weight.shape) for weight in start()]
        for _ in range(5 * CASES[name].get("gradient_accumulation_steps", 1))
    ]
    if name.startswith("without gradient"):
        steps = [[first, second, None] for first, second, _ in steps]
    if name.startswith("loss scale"):
        steps[2][1][0] = np.inf
    return steps


def simulate(name):
    """Returns the weights after all steps in float64, with nothing of Keras."""
    options = {"weight_decay": DECAY, "momentum": MOMENTUM, **CASES[name]}
    decay, momentum = options["weight_decay"] or 0, options["momentum"]
    weights = start()
    velocities = [np.zeros_like(weight) for weight in weights]
    averages, pending, counted = None, [], 0
    for step in gradients(name):
        step = [np.zeros_like(w) if g is None else g for g, w in zip(step, weights)]
        if any(np.isinf(g).any() for g in step):
            continue  # loss scaling skips such a step altogether
        pending.append(step)
        rate = RATES[counted]
        counted += 1
        if len(pending) < options.get("gradient_accumulation_steps", 1):
            continue
        step = clipped([sum(parts) / len(pending) for parts in zip(*pending)], options)
        pending = []
        for i, (w, g) in enumerate(zip(weights, step)):
            if not options.get("decoupled"):
                g = g + decay * w
            velocities[i] = momentum * velocities[i] - rate * g
            move = velocities[i]
            if options.get("nesterov"):
                move = momentum * velocities[i] - rate * g
            if options.get("decoupled"):
                move = move - rate * decay * w
            weights[i] = w + move
        if options.get("use_ema"):
            keep = options["ema_momentum"]
            averages = averages or [w.copy() for w in weights]
            averages = [keep * a + (1 - keep) * w for a, w in zip(averages, weights)]
            if counted % options.get("ema_overwrite_frequency", 100) == 0:
                weights = [a.copy() for a in averages]
    return averages or weights


def clipped(step, options):
    norms = [np.linalg.norm(g) for g in step]
    if "clipvalue" in options:
        return [np.clip(g, -options["clipvalue"], options["clipvalue"]) for g in step]
    if "clipnorm" in options:
        return [g * min(1, options["clipnorm"] / norm) for g, norm in zip(step, norms)]
    if "global_clipnorm" in options:
        return [g * min(1, options["global_clipnorm"] / np.linalg.norm(norms)) for g in step]
    return step


def train(name, mode="eager"):
    """Returns the weights after all steps with Keras, as arrays."""
    optimizer = SGD(schedule(), **{"weight_decay": DECAY, "momentum": MOMENTUM, **CASES[name]})
    if name.startswith("loss scale"):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0**10)
    weights = [keras.Variable(value.astype("float32")) for value in start()]
    optimizer.build(weights)
    apply = APPLY[mode](optimizer, weights)
    for step in gradients(name):
        scale = optimizer.scale_loss(1.0)
        apply([None if g is None else keras.ops.cast(g, "float32") * scale for g in step])
    optimizer.finalize_variable_values(weights)
    return [keras.ops.convert_to_numpy(weight.value) for weight in weights]


def apply_eagerly(optimizer, weights):
    return lambda step: optimizer.apply(step, weights)


def apply_compiled(optimizer, weights):
    import tensorflow as tf

    return tf.function(lambda step: optimizer.apply(step, weights))


def apply_stateless(optimizer, weights):
    import jax

    stateless_apply = jax.jit(optimizer.stateless_apply)

    def apply(step):
        state = [variable.value for variable in optimizer.variables]
        new_weights, new_state = stateless_apply(state, step, [weight.value for weight in weights])
        for variable, value in zip([*weights, *optimizer.variables], [*new_weights, *new_state]):
            variable.assign(value)

    return apply


APPLY = {"eager": apply_eagerly, "compiled": apply_compiled, "stateless": apply_stateless}
# On JAX Keras' own loss scaling is stateless only.
MODE = {"jax": "stateless", "torch": "eager"}


def assert_as_simulated(name, weights):
    for actual, expected in zip(weights, simulate(name), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("name", CASES)
def test_equals_simulation(name):
    assert_as_simulated(name, train(name))


@pytest.mark.parametrize(
    "name", [name if name in SOME else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_a_graph_equals_simulation(name):
    assert_as_simulated(name, train(name, "compiled"))


@pytest.mark.parametrize(
    "backend, names",
    [
        ("jax", SOME),
        pytest.param("jax", tuple(CASES), marks=pytest.mark.slow),
        pytest.param("torch", tuple(CASES), marks=pytest.mark.slow),
    ],
)
def test_other_backends_equal_simulation(backend, names, tmp_path):
    pytest.importorskip(backend)
    run_python(["-m", "tests.test_optimizers", tmp_path / "weights.npz", *names], backend)
    results = np.load(tmp_path / "weights.npz")
    for name in names:
        assert_as_simulated(name, [results[f"{name}/{index}"] for index in range(3)])


def test_cases_differ():
    """Else an option could be without effect in the simulation."""
    same = {"fixed loss scale": "l2"}
    results = {name: np.concatenate([w.ravel() for w in simulate(name)]) for name in CASES}
    for name, weights in results.items():
        for other in results.keys() - {name, same.get(name)}:
            if same.get(other) != name:
                assert np.abs(weights - results[other]).max() > 1e-3, (name, other)


def dropping_net():
    """A net whose second grid is dropped, so that its filters get no gradient."""
    images = keras.Input((8, 8, 1))
    grids = MultigridConv2D([2, 3], bias_initializer="ones")(ImagePyramid(2)(images))
    x = keras.layers.BatchNormalization()(grids[0])
    x = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(images, keras.layers.Activation("linear", dtype="float32")(x))


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_all_weights_of_a_net_decay(policy, decoupled):
    """A loss without gradient leaves the decay alone, whatever the loss scale."""
    keras.config.set_dtype_policy(policy)
    model = dropping_net()
    optimizer = SGD(0.1, momentum=0.0, weight_decay=0.5, decoupled=decoupled)
    model.compile(optimizer, lambda y_true, y_pred: 0.0 * (y_pred - y_true))
    before = [weight.numpy() for weight in model.trainable_weights]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that gradients do not exist
        model.fit(np.ones((8, 8, 8, 1)), np.ones((8, 3)), batch_size=4, verbose=0)
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    assert {"kernel", "bias", "gamma", "beta"} <= {w.name for w in model.trainable_weights}
    for weight, old in zip(model.trainable_weights, before):
        np.testing.assert_allclose(weight.numpy(), old * 0.95**2, rtol=1e-6, err_msg=weight.path)


def test_missing_gradients_without_decay_stay_keras_own():
    model = dropping_net()
    model.compile(SGD(0.1, weight_decay=0), "mse")
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables .*kernel"):
        model.train_on_batch(np.ones((1, 8, 8, 1)), np.ones((1, 3)))
    weights = [keras.Variable([1.0]), keras.Variable([2.0])]
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        SGD(0.1, weight_decay=None).apply([keras.ops.ones(1), None], weights)
    assert float(weights[1][0]) == 2.0
    with pytest.raises(ValueError, match="No gradients provided"):
        SGD(0.1).apply([None, None], weights)


def test_weights_can_be_excluded():
    weights = [keras.Variable([1.0]), keras.Variable([2.0])]
    optimizer = SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([weights[1]])
    optimizer.apply([keras.ops.zeros(1)] * 2, weights)
    assert [float(weight[0]) for weight in weights] == pytest.approx([0.95, 2.0])


def test_training_goes_on_after_loading(tmp_path):
    rng = np.random.default_rng(0)
    images, targets = rng.normal(size=(8, 8, 8, 1)), rng.normal(size=(8, 3))
    model = dropping_net()
    model.compile(SGD(schedule(), weight_decay=0.1, decoupled=True), "mse")
    model.fit(images, targets, batch_size=4, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is SGD
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert loaded.optimizer.decoupled is True
    for net in (model, loaded):
        net.fit(images, targets, batch_size=4, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_papers_settings_are_the_defaults():
    config = SGD().get_config()
    assert {name: config[name] for name in ("momentum", "weight_decay", "decoupled")} == {
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "decoupled": False,
    }


@pytest.mark.parametrize("value", [-1e-4, "5e-4", float("nan"), True])
def test_messages(value):
    with pytest.raises(ValueError, match=r"SGD: weight_decay is .*; expected None or a number of"):
        SGD(0.1, weight_decay=value)


if __name__ == "__main__":
    output, *names = sys.argv[1:]
    mode = MODE[keras.backend.backend()]
    weights = {
        f"{name}/{index}": weight
        for name in names
        for index, weight in enumerate(train(name, mode))
    }
    np.savez(output, **weights)
