"""Training, prediction, saving and export of top-down networks."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_multigrid as kmg
from keras_multigrid.top_down import TopDownLoss
from tests.asserts import assert_close
from tests.top_down import oracle
from tests.top_down.oracle import Oracle, tiny_model

BIG = {"reward_weight": 0.3, "coverage_weight": 20.0, "count_weight": 0.05}
LABELS = np.array([1, 4, 0])


@pytest.fixture
def given_noise(monkeypatch):
    """Returns a function that makes models draw the noise it is given, known by its shape."""

    def give(noise):
        tables = {array.shape[1] * 9: array.reshape(len(array), -1) for array in noise}

        def uniform(shape, *arguments, **options):
            return ops.convert_to_tensor(tables[int(np.prod([int(size) for size in shape[1:]]))])

        monkeypatch.setattr(keras.random, "uniform", uniform)

    return give


def data(levels, batch=3):
    return oracle.random_images(batch, 4 * 2 ** (levels - 1)), LABELS[:batch]


def random_baselines(model):
    model.baselines.assign(-np.random.default_rng(0).uniform(1, 3, model.baselines.shape))
    return model.baselines.numpy()


CASES = {
    "1 level": (1, TopDownLoss(samples=2, **BIG), [1.0], []),
    "2 levels": (2, TopDownLoss(2.0, samples=2, **BIG), [0, 1], [2.0]),
    "3 levels": (3, TopDownLoss(12.0, samples=1, **BIG), [0, 0, 1], [None, 12.0]),
    "multi-level": (
        3,
        TopDownLoss([3.0, 8.0], level_weights=[0.5, 2.0, 1.0], samples=3, **BIG),
        [0.5, 2.0, 1.0],
        [3.0, 8.0],
    ),
    "one weight is 0": (
        3,
        TopDownLoss(6.0, level_weights=[1.0, 0.0, 1.0], **BIG),
        [1.0, 0.0, 1.0],
        [6.0, 6.0],
    ),
}


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of one level
@pytest.mark.parametrize("case", CASES)
def test_a_step_of_fit_equals_the_oracle(case, given_noise):
    levels, rule, level_weights, targets = CASES[case]
    model = tiny_model(levels, scale=1.2)
    images, labels = data(levels)
    rows = len(images) * rule.samples
    noise = oracle.random_noise(rows, levels)
    given_noise(noise)
    before = random_baselines(model)
    reference = Oracle(model)
    trees = reference.trees(images, noise, rule.samples)
    of_rows = np.repeat(labels, rule.samples)
    targets = [1.0 if target is None else target for target in targets]
    loss = reference.learning_rule(trees, of_rows, level_weights, targets, before, **BIG)
    if levels > 1:  # all terms count
        for left_out in ("likelihood", "reward", "count", "coverage"):
            terms = {"likelihood", "reward", "count", "coverage"} - {left_out}
            other = reference.learning_rule(
                trees, of_rows, level_weights, targets, before, **BIG, terms=terms
            )
            assert abs(other - loss) > 1e-2, left_out

    weights = [np.array(weight.numpy()) for weight in model.trainable_variables]
    eagerly = case != "2 levels"  # a graph takes longer to make
    optimizer = keras.optimizers.SGD(0.1)
    model.compile(optimizer, loss=rule, metrics=["accuracy"], run_eagerly=eagerly)
    history = model.fit(images, labels, batch_size=len(images), shuffle=False, verbose=0).history
    assert history["loss"][0] == pytest.approx(loss, rel=1e-4)
    changed = sum(
        np.any(weight.numpy() != old) for weight, old in zip(model.trainable_variables, weights)
    )
    assert changed == (len(weights) if levels > 1 else 4)  # features and classification

    expected = before.copy()
    for depth, weight in enumerate(level_weights, 1):
        if weight:
            mean = reference.log_likelihoods(trees, of_rows, depth).mean()
            expected[depth - 1] = 0.9 * before[depth - 1] + 0.1 * mean
    assert_close(model.baselines, expected)

    best = reference.logits(trees, levels).argmax(axis=1)
    assert history["accuracy"][0] == pytest.approx(np.mean(best == of_rows))
    if levels == 1:
        assert not any("locations" in name or "baseline" in name for name in history)
        return
    attended = [
        oracle.attended_table(trees, level).sum(axis=1).mean() for level in range(2, levels + 1)
    ]
    for level, count in enumerate(attended, 2):
        assert history[f"locations_{level}"][0] == pytest.approx(count)
    assert history["locations"][0] == pytest.approx(sum(attended))
    uses = [node for tree in trees for node in oracle.deciding(tree, levels)]
    sums = np.sum([node.probabilities for node in uses], axis=0)
    assert history["expected_locations"][0] == pytest.approx(sums.sum() / rows, rel=1e-4)
    for candidate, total in enumerate(sums, 1):
        assert history[f"candidate_{candidate}"][0] == pytest.approx(total / len(uses), rel=1e-4)
    assert "baseline" in history and f"locations_{levels + 1}" not in history


def test_gradients_of_a_step_equal_finite_differences(given_noise):
    # Of the whole J, through the modules that the oracle has; decisions do not change.
    levels, samples = 3, 2
    rule = TopDownLoss([3.0, 8.0], level_weights=[0.5, 2.0, 1.0], samples=samples, **BIG)
    model = tiny_model(levels, scale=1.2)
    images, labels = data(levels, 2)
    noise = oracle.random_noise(2 * samples, levels)
    noise = [np.where(array < 0.4, -1, 2).astype("float32") for array in noise]
    given_noise(noise)
    baselines = random_baselines(model)
    reference = Oracle(model)
    arguments = (np.repeat(labels, samples), rule.level_weights, rule.target_locations, baselines)

    def objective(name):
        trees = reference.trees(images, noise, samples)
        terms = {"likelihood"}  # the advantage and the feature map are constants for the others
        if name.startswith("location"):
            terms = {"reward", "count", "coverage"}
        return reference.learning_rule(trees, *arguments, **BIG, terms=terms)

    rng = np.random.default_rng(0)
    directions, slopes = {}, {}
    for name, array in reference.weights.items():  # before fit changes the feature extraction
        directions[name] = direction = rng.normal(size=array.shape)
        step = 1e-5
        array += step * direction
        above = objective(name)
        array -= 2 * step * direction
        slopes[name] = (above - objective(name)) / (2 * step)
        array += step * direction
        assert abs(slopes[name]) > 1e-2, name
    model.compile(keras.optimizers.SGD(1.0), loss=rule, run_eagerly=True)
    model.fit(images, labels, batch_size=2, shuffle=False, verbose=0)
    after = Oracle(model).weights
    for name, slope in slopes.items():
        actual = ((reference.weights[name] - after[name]) * directions[name]).sum()
        assert actual == pytest.approx(slope, rel=2e-3, abs=1e-4), name


def test_evaluation_is_the_cross_entropy_of_all_levels(given_noise):
    model = tiny_model(3, scale=1.2)
    images, labels = data(3)
    rule = TopDownLoss([3.0, 8.0], level_weights=[1.0, 1.0, 1.0], samples=2, **BIG)
    model.compile("sgd", loss=rule, metrics=["accuracy"], run_eagerly=True)
    before = random_baselines(model)
    noise = oracle.random_noise(3, 3)
    given_noise(noise)
    results = model.evaluate(images, labels, batch_size=3, verbose=0, return_dict=True)
    reference = Oracle(model)
    trees = reference.trees(images, noise)
    expected = -reference.log_likelihoods(trees, labels, 3).mean()
    assert results["loss"] == pytest.approx(expected, rel=1e-4)
    counts = [len(list(oracle.walk(tree))) - 1 for tree in trees]
    assert results["locations"] == pytest.approx(np.mean(counts))
    assert_close(model.baselines, before)


def test_training_draws_anew_in_each_step():
    model = tiny_model(2, seed=5, scale=1.5)
    model.compile(keras.optimizers.SGD(0.0), loss=TopDownLoss(samples=4))
    images, labels = data(2)
    history = model.fit(images, labels, epochs=4, batch_size=3, verbose=0).history
    assert len(set(history["locations"])) > 1
    assert len(set(np.round(history["expected_locations"], 5))) == 1


def test_training_samples_even_if_predictions_do_not():
    model = tiny_model(2, sample=False, scale=1.5)
    model.compile(keras.optimizers.SGD(0.0), loss=TopDownLoss(samples=1), run_eagerly=True)
    images, labels = data(2)
    history = model.fit(images, labels, epochs=6, batch_size=3, verbose=0).history
    assert len(set(history["locations"])) > 1


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_losses_of_layers_are_added():
    window = keras.Input((4, 4, 2))
    convolution = keras.layers.Conv2D(3, 3, kernel_regularizer=keras.regularizers.L2(0.1))
    extractor = keras.Model(window, convolution(window))
    model = kmg.applications.TopDown(extractor, 5, 1)
    model.compile(keras.optimizers.SGD(0.0), loss=TopDownLoss())
    images, labels = data(1)
    penalty = 0.1 * (convolution.kernel.numpy() ** 2).sum()
    expected = -Oracle(model).log_likelihoods(Oracle(model).trees(images, []), labels, 1).mean()
    history = model.fit(images, labels, batch_size=3, verbose=0).history
    assert history["loss"][0] == pytest.approx(expected + penalty, rel=1e-4)


@pytest.mark.parametrize(
    "policy, weights",
    [
        ("mixed_bfloat16", None),
        ("mixed_bfloat16", [1, 1]),
        ("mixed_float16", [1, 1]),
        ("float64", None),
    ],
)
def test_other_precisions_train_alike(policy, weights, given_noise):
    images, labels = data(2)
    given_noise(oracle.constant_noise(6, 2, -1))
    losses = []
    for each in ("float32", policy):
        keras.config.set_dtype_policy(each)
        model = tiny_model(2, scale=1.0)
        rule = TopDownLoss(2.0, weights, **BIG)
        model.compile(keras.optimizers.SGD(0.01), loss=rule, run_eagerly=True)
        losses += model.fit(images, labels, batch_size=3, verbose=0).history["loss"]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_baselines_start_at_zero():
    assert not tiny_model(2).baselines.numpy().any()


def test_one_hot_labels_are_refused():
    # 5 samples of 3 images make 15 rows, as many as 3 labels of 5 classes have entries.
    model = tiny_model(2)
    model.compile("sgd", loss=TopDownLoss(samples=5), run_eagerly=True)
    images, labels = data(2)
    with pytest.raises(ValueError, match="labels"):
        model.fit(images, np.eye(5)[labels], verbose=0)


@pytest.mark.parametrize("loss", [None, "sparse_categorical_crossentropy"])
def test_the_rule_has_defaults(loss):
    model = tiny_model(2)
    model.compile("sgd", loss=loss, run_eagerly=True)
    model.fit(*data(2), verbose=0)
    assert model.learning_rule.get_config() == TopDownLoss().get_config()


@pytest.mark.parametrize("loss", ["mse", keras.losses.Poisson()])
def test_other_losses_are_refused(loss):
    model = tiny_model(2)
    model.compile("sgd", loss=loss)
    with pytest.raises(ValueError, match=r"expected keras_multigrid\.top_down\.TopDownLoss"):
        model.fit(*data(2), verbose=0)


@pytest.mark.parametrize("kind", ["sample_weight", "class_weight"])
def test_sample_weights_are_refused(kind):
    model = tiny_model(2)
    model.compile("sgd", loss=TopDownLoss(), run_eagerly=True)
    weights = np.ones(3) if kind == "sample_weight" else dict.fromkeys(range(5), 1.0)
    with pytest.raises(ValueError, match="sample or class weights; expected images and"):
        model.fit(*data(2), verbose=0, **{kind: weights})
    model.fit(*data(2), verbose=0)


def test_a_saved_model_is_the_same(tmp_path):
    model = tiny_model(3, classes=3, sample=False)
    model.compile(
        keras.optimizers.Adam(0.01, epsilon=1e-8),
        loss=TopDownLoss([2.0, 6.0], [1.0, 1.0, 1.0], samples=3, reward_weight=0.5),
        run_eagerly=True,
    )
    images = oracle.random_images(3, 16)
    model.fit(images, np.array([0, 2, 1]), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    again.run_eagerly = True
    assert type(again) is type(model)
    assert (again.levels, again.sample, again.classes) == (3, False, 3)
    assert again.learning_rule.get_config() == model.learning_rule.get_config()
    assert np.abs(model.baselines.numpy()[:3]).min() > 1e-3
    np.testing.assert_array_equal(again.baselines.numpy(), model.baselines.numpy())
    assert_close(again.predict(images, verbose=0), model.predict(images, verbose=0))
    again.fit(images, np.array([0, 2, 1]), verbose=0)


@pytest.mark.parametrize("smaller, larger", [(1, 2), (2, 3), (3, 2)])
def test_weights_serve_any_number_of_levels(smaller, larger, tmp_path):
    build = kmg.applications.TDMNIST3
    options = {"width_multiplier": 0.05, "sample": False}
    model = build(levels=smaller, **options)
    model.baselines.assign(np.arange(6.0) - 7)
    path = str(tmp_path / "model.weights.h5")
    model.save_weights(path)
    again = build(levels=larger, weights=path, **options)
    assert len(model.trainable_variables) == len(again.trainable_variables)
    for weight, other in zip(model.trainable_variables, again.trainable_variables):
        np.testing.assert_array_equal(weight.numpy(), other.numpy())
    np.testing.assert_array_equal(again.baselines.numpy(), np.arange(6.0) - 7)
    levels = min(smaller, larger)
    images = oracle.random_images(2, 14 * 2 ** (max(smaller, larger) - 1), 1)
    assert_close(again(images, levels=levels), ops.convert_to_numpy(model(images, levels=levels)))


@pytest.mark.slow  # by default test_conformance.py exports one
@pytest.mark.filterwarnings("ignore")
def test_a_functional_model_is_exported(tmp_path):
    image = keras.Input((28, 28, 1))
    model = kmg.applications.TDMNIST3(
        input_tensor=image, levels=2, sample=False, width_multiplier=0.1
    )
    assert type(model).__name__ == "Functional"
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(2 * rng.normal(size=weight.shape) / np.sqrt(np.prod(weight.shape[:-1])))
    model.export(str(tmp_path / "model"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "model"))
    attended = set()
    for batch in (1, 3):
        images = oracle.random_images(batch, 28, 1)
        expected = model.predict(images, verbose=0)
        assert expected.shape == (batch, 10)
        assert_close(served.serve(images), expected)
        (inner,) = [layer for layer in model.layers if isinstance(layer, kmg.applications.TopDown)]
        assert_close(inner(images, sample=False), expected)
        _, attention = inner.predict(images, return_attention=True, verbose=0)
        attended |= set(attention.counts()[:, 1])
    assert attended - {0, 9}


def window_counts(attended, level):
    """Counts distinct windows of the attended nodes of a level, by following their paths."""
    counts = []
    for row in attended:
        places = set()
        for path in np.flatnonzero(row):
            place = (0, 0)
            for digit in (
                np.base_repr(path, 9).zfill(level - 1)[-(level - 1) :] if level > 1 else ""
            ):
                place = oracle.child_place(place, int(digit))
            places.add(place)
        counts.append(len(places))
    return counts


@pytest.mark.parametrize("levels, sample", [(1, True), (2, False), (3, None)])
def test_predictions_with_their_attention(levels, sample):
    model = tiny_model(3, sample=True)
    model.run_eagerly = levels < 3  # a graph takes longer to make
    images = oracle.random_images(5, 16)
    outputs, attention = model.predict(
        images, batch_size=2, levels=levels, sample=sample, return_attention=True, verbose=0
    )
    assert outputs.shape == (5, 5)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)
    assert attention.levels == levels
    assert attention.base_size == 4
    shapes = [(5, 9 ** (level - 1)) for level in range(1, levels + 1)]
    assert [array.shape for array in attention.attended] == shapes
    assert [array.shape for array in attention.probabilities] == [(*s, 9) for s in shapes[:-1]]
    assert all(array.dtype == bool for array in attention.attended)
    assert attention.attended[0].all()

    # What was attended tells the outputs: the oracle with these decisions.
    noise = [
        np.where(array, -1, 2).reshape(5, -1, 9).astype("float32")
        for array in attention.attended[1:]
    ]
    reference = Oracle(model)
    trees = reference.trees(images, noise)
    expected = reference.logits(trees, levels)
    assert_close(outputs, np.stack([np.exp(oracle.log_softmax(row)) for row in expected]))
    for level in range(1, levels + 1):
        table = oracle.attended_table(trees, level)
        np.testing.assert_array_equal(attention.attended[level - 1], table)
        assert attention.window_counts()[:, level - 1].tolist() == window_counts(table, level)
    if levels == 3:
        assert (attention.window_counts() < attention.counts()).any()

    for row, tree in enumerate(trees):
        nodes = list(oracle.walk(tree))
        counts = collections.Counter(node.level for node in nodes)
        wanted = [counts[level] for level in range(1, levels + 1)]
        assert attention.counts()[row].tolist() == wanted
        parents = collections.Counter(node.level for node in nodes if node.children)
        wanted = [parents[level] for level in range(1, levels)]
        assert attention.parents()[row].tolist() == wanted
        compare_trees(attention.tree(row), tree, 1.0)
        for level in range(1, levels):
            for node in nodes:
                if node.level == level:
                    actual = attention.probabilities[level - 1][row, node.path]
                    assert_close(actual, node.probabilities)
            unattended = ~attention.attended[level - 1][row]
            assert not attention.probabilities[level - 1][row, unattended].any()
    if sample is False:
        for level in range(levels - 1):
            above_half = attention.probabilities[level] > 0.5
            np.testing.assert_array_equal(attention.attended[level + 1], above_half.reshape(5, -1))


def compare_trees(actual, expected, probability):
    unit = 0.5**expected.level
    assert actual.level == expected.level
    assert (actual.row, actual.column) == tuple(unit * start for start in expected.place)
    assert actual.side == 2 * unit
    assert actual.probability == pytest.approx(probability, rel=1e-4)
    assert len(actual.children) == len(expected.children)
    for child, (candidate, other) in zip(actual.children, expected.children.items()):
        compare_trees(child, other, expected.probabilities[candidate])


def test_nodes_of_a_level_are_those_of_the_tree():
    model = tiny_model(3)
    model.run_eagerly = True
    images = oracle.random_images(2, 16)
    _, attention = model.predict(images, return_attention=True, verbose=0)
    for image in range(2):
        of_tree = collections.defaultdict(list)
        waiting = [attention.tree(image)]
        while waiting:
            node = waiting.pop(0)
            of_tree[node.level].append((node.row, node.column, node.side, node.probability))
            waiting += node.children
        for level in (1, 2, 3):
            nodes = attention.nodes(image, level)
            assert all(node.level == level and node.children == () for node in nodes)
            actual = [(node.row, node.column, node.side, node.probability) for node in nodes]
            assert actual == of_tree[level]


def test_predictions_follow_the_seed():
    images = oracle.random_images(4, 8)
    models = [seeded(seed) for seed in (1, 1, 2)]
    first, second, other = (model.predict(images, verbose=0) for model in models)
    assert_close(first, second)
    assert np.abs(first - other).max() > 1e-3


def seeded(seed):
    window = keras.Input((4, 4, 2))
    extractor = keras.Model(window, keras.layers.Conv2D(3, 3)(window))
    model = kmg.applications.TopDown(extractor, 5, 2, seed=seed)
    model.set_weights(tiny_model(2).get_weights())
    model.run_eagerly = True
    return model


PARAMETERS = {
    "TDMNIST3": 106_771,
    "TDMNIST2": 92_883,
    "TDMNIST1": 74_707,
    "TDImageNet2": 1_976_177,
    "TDImageNet1": 1_496_689,
    "BLMNIST3": 64_714,
    "BLMNIST2": 27_786,
    "BLMNIST1": 9_610,
    "BLImageNet2": 1_349_480,
    "BLImageNet1": 759_400,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_numbers_of_parameters(name):
    model = getattr(kmg.applications, name)()
    assert model.count_params() == PARAMETERS[name]
    if name.startswith("TD"):
        assert model.levels == (3 if "MNIST" in name else 4)
        sides = {"TDMNIST": (14, 64, 1, 10), "TDImageNet": (32, 256, 3, 1000)}[name[:-1]]
        assert (model.base_size, model.features, model.channels, model.classes) == sides
    else:
        side, classes = (56, 10) if "MNIST" in name else (256, 1000)
        assert model.input_shape[1:3] == (side, side)
        assert model.output_shape == (None, classes)


MAPS = {
    "TDMNIST3": (3, 3, 64),
    "TDMNIST2": (7, 7, 64),
    "TDMNIST1": (7, 7, 64),
    "TDImageNet2": (4, 4, 256),
    "TDImageNet1": (8, 8, 256),
}


@pytest.mark.parametrize("name", MAPS)
def test_sizes_of_feature_maps(name):
    model = getattr(kmg.applications, name)(levels=1)
    assert model.feature_extractor.output_shape[1:] == MAPS[name]


def test_a_papers_network_equals_the_oracle():
    model = kmg.applications.TDMNIST3(levels=2, classifier_activation=None, sample=False)
    images = oracle.random_images(2, 28, 1)
    reference = Oracle(model)
    trees = reference.trees(images, oracle.constant_noise(2, 2, 0.5))
    assert_close(model(images), reference.logits(trees, 2))


def test_labels_are_needed():
    model = tiny_model(2)
    model.compile("sgd", loss=TopDownLoss(), run_eagerly=True)
    with pytest.raises(ValueError, match="no labels; expected images and labels"):
        model.fit(data(2)[0], verbose=0)


def test_a_model_around_one_does_not_learn_where_to_look_and_says_so():
    inner = tiny_model(2)
    image = keras.Input((8, 8, 2))
    outer = keras.Model(image, inner(image))
    outer.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    with pytest.warns(UserWarning, match="does not learn where to look"):
        outer.fit(*data(2), verbose=0)
    outer.compile("sgd", TopDownLoss(), run_eagerly=True)
    with pytest.raises(ValueError, match="trains a TopDown, not a model around one"):
        outer.fit(*data(2), verbose=0)


def test_settings_given_as_arrays_are_saved(tmp_path):
    model = tiny_model(3)
    rule = TopDownLoss(np.array([2.0, 6.0]), np.ones(3))
    model.compile("sgd", loss=rule, run_eagerly=True)
    model.fit(*data(3), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.learning_rule.get_config() == rule.get_config()


def test_weights_of_a_trained_model_are_exported(tmp_path):
    trained = kmg.applications.TDMNIST1(levels=2, sample=False, width_multiplier=0.1)
    images = np.random.default_rng(0).random((3, 28, 28, 1), "float32")
    for file in ("model.keras", "model.weights.h5"):
        trained.save(tmp_path / file) if file.endswith("keras") else trained.save_weights(
            tmp_path / file
        )
        fixed = kmg.applications.TDMNIST1(
            levels=2,
            sample=False,
            width_multiplier=0.1,
            weights=tmp_path / file,
            input_tensor=keras.Input((28, 28, 1)),
        )
        np.testing.assert_allclose(fixed(images), trained(images), atol=1e-6)


def test_fewer_levels_take_smaller_images():
    model = tiny_model(3)
    assert model.predict(data(1)[0], levels=1, verbose=0).shape == (3, 5)


def test_predictions_by_turns_are_compiled_once(monkeypatch):
    model = tiny_model(2, sample=False)
    images, _ = data(2)
    made = []
    make = type(model).make_predict_function
    monkeypatch.setattr(
        type(model),
        "make_predict_function",
        lambda self, force=False: made.append(self.predict_function is None) or make(self, force),
    )
    for levels in (1, 2, 1, 2):
        model.predict(images, levels=levels, verbose=0)
    assert sum(made) == 2


def test_confidence_is_a_probability_whatever_the_activation():
    models = [tiny_model(2, sample=False), tiny_model(2, sample=False, classifier_activation=None)]
    images = data(2)[0]
    attended = [
        model.predict(images, confidence=0.7, return_attention=True, verbose=0)[1].attended[1]
        for model in models
    ]
    np.testing.assert_array_equal(*attended)


@pytest.mark.parametrize("classes", [0, True, 2.5, "ten"])
def test_bad_classes(classes):
    window = keras.Input((4, 4, 1))
    extractor = keras.Model(window, keras.layers.Conv2D(2, 3)(window))
    with pytest.raises(ValueError, match=r"classes is .*; expected a positive integer"):
        kmg.applications.TopDown(extractor, classes, 2)


def test_feature_extractors():
    layers = [keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3)]
    model = kmg.applications.TopDown(keras.Sequential(layers), np.int64(3), np.int64(2))
    assert model.predict(np.zeros([1, 8, 8, 1]), verbose=0).shape == (1, 3)
    with pytest.raises(ValueError, match="feature extractor is Conv2D; expected a functional"):
        kmg.applications.TopDown(layers[1], 3, 2)
