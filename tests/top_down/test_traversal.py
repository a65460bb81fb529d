"""The traversal against the recursive oracle, for the same decisions."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_multigrid as kmg
from keras_multigrid.top_down import traversal
from keras_multigrid.top_down.policy_gradient import log_probability
from keras_multigrid.top_down.selection import Selection, select
from keras_multigrid.top_down.traversal import combine, traverse
from tests.asserts import assert_close
from tests.top_down import oracle
from tests.top_down.oracle import Oracle, tiny_model

BASE = 4


def go(model, images, noise, samples=1, **options):
    noise = [ops.convert_to_tensor(array) for array in noise]
    images = ops.convert_to_tensor(images)
    return traverse(model.modules(), images, BASE, noise, samples=samples, **options)


def logits_of(model, levels):
    return model.classification(combine(model.modules(), levels))


def attended_in(levels, rows):
    """Returns which nodes the traversal attended, one table per level; none is there twice."""
    tables = []
    for level, nodes in enumerate(levels, 1):
        table = np.zeros((rows, 9 ** (level - 1)), int)
        alive = ops.convert_to_numpy(nodes.alive)
        row, path = (ops.convert_to_numpy(part)[alive] for part in (nodes.row, nodes.path))
        np.add.at(table, (row, path), 1)
        assert table.max(initial=0) <= 1
        tables.append(table.astype(bool))
    return tables


DECISIONS = {
    "random": oracle.random_noise,
    "threshold": lambda rows, levels: oracle.constant_noise(rows, levels, 0.5),
    "nothing": lambda rows, levels: oracle.constant_noise(rows, levels, 2),
    "everything": lambda rows, levels: oracle.constant_noise(rows, levels, -1),
}


@pytest.mark.parametrize("decisions", DECISIONS)
@pytest.mark.parametrize(
    "levels, batch, samples", [(1, 3, 2), (2, 1, 1), (2, 3, 2), (3, 1, 3), (3, 2, 2), (4, 1, 1)]
)
def test_equals_the_oracle(levels, batch, samples, decisions):
    model = tiny_model(levels)
    images = oracle.random_images(batch, BASE * 2 ** (levels - 1))
    noise = DECISIONS[decisions](batch * samples, levels)
    reference = Oracle(model)
    trees = reference.trees(images, noise, samples)
    traversed = go(model, images, noise, samples)
    tables = attended_in(traversed, batch * samples)
    for level, table in enumerate(tables, 1):
        np.testing.assert_array_equal(table, oracle.attended_table(trees, level))
        if decisions == "everything":
            assert table.all()
        elif decisions == "nothing":
            assert table.any() == (level == 1)
    if levels > 1 and decisions == "random":
        assert 0 < tables[-1].mean() < 1
    for depth in range(1, levels + 1):  # the same one, truncated
        assert_close(logits_of(model, traversed[:depth]), reference.logits(trees, depth))


def test_decisions_equal_the_oracles():
    model = tiny_model(3)
    images, noise = oracle.random_images(2, 16), oracle.random_noise(4, 3)
    reference = Oracle(model)
    nodes_of = collections.defaultdict(dict)
    for row, tree in enumerate(reference.trees(images, noise, 2)):
        for node in oracle.walk(tree):
            nodes_of[node.level][row, node.path] = node
    for level, nodes in enumerate(go(model, images, noise, 2), 1):
        arrays = [nodes.row, nodes.path, nodes.window_row, nodes.window_column, nodes.vector]
        if level < 3:
            arrays += [ops.sigmoid(nodes.decisions.logits), nodes.decisions.attended]
        arrays = [ops.convert_to_numpy(array)[np.array(nodes.alive)] for array in arrays]
        assert len(arrays[0]) == len(nodes_of[level])
        for (
            row,
            path,
            *place,
            vector,
        ) in zip(*arrays[:5]):
            node = nodes_of[level][row, path]
            assert tuple(place) == node.place
            assert_close(vector, node.vector)
        if level < 3:
            for row, path, probabilities, attended in zip(*arrays[:2], *arrays[5:]):
                node = nodes_of[level][row, path]
                assert_close(probabilities, node.probabilities)
                assert set(np.flatnonzero(attended)) == set(node.children)


def test_one_row_does_not_depend_on_the_others():
    model = tiny_model(3)
    images, noise = oracle.random_images(3, 16), oracle.random_noise(3, 3)
    together = ops.convert_to_numpy(logits_of(model, go(model, images, noise)))
    for row in range(3):
        alone = go(model, images[row : row + 1], [array[row : row + 1] for array in noise])
        assert_close(logits_of(model, alone), together[row : row + 1])


def select_all(mask, capacity=None):
    """The dense mode: selects all entries of a mask, true or not."""
    indices = ops.arange(ops.shape(mask)[0], dtype="int32")
    return Selection(indices, mask, indices, ops.sum(ops.cast(mask, "int32")))


@pytest.mark.parametrize("levels, samples", [(2, 2), (3, 1), (3, 2)])
def test_dense_equals_sparse(levels, samples, monkeypatch):
    model = tiny_model(levels)
    images = oracle.random_images(2, BASE * 2 ** (levels - 1))
    noise = oracle.random_noise(2 * samples, levels)
    factors = np.random.default_rng(5).normal(size=(2 * samples, 5))
    results = []
    for selecting in (select, select_all):
        monkeypatch.setattr(traversal, "select", selecting)
        with tf.GradientTape() as tape:
            traversed = go(model, images, noise, samples)
            logits = logits_of(model, traversed)
            loss = ops.sum(logits * factors)
            for nodes in traversed[:-1]:
                score = log_probability(nodes.decisions.logits, nodes.decisions.attended)
                loss += ops.sum(score * ops.cast(nodes.alive, "float32"))
        gradients = tape.gradient(loss, model.trainable_variables)
        results.append([logits, *map(tf.convert_to_tensor, gradients)])
        sizes = [len(nodes.row) for nodes in traversed]
        if selecting is select_all:
            assert sizes == [2 * samples * 9 ** (level - 1) for level in range(1, levels + 1)]
    for sparse, dense in zip(*results):
        assert np.abs(dense).max() > 1e-3
        assert_close(sparse, ops.convert_to_numpy(dense))


@pytest.mark.parametrize("attend", ["random", "everything"])
def test_features_of_a_window_are_computed_once(attend):
    model = tiny_model(3)
    batch, samples = 2, 2
    images, noise = oracle.random_images(batch, 16), DECISIONS[attend](batch * samples, 3)
    trees = Oracle(model).trees(images, noise, samples)
    handed = []

    def extract(windows):
        handed.append(ops.convert_to_numpy(windows))
        return model.feature_extractor(windows)

    inputs = [ops.convert_to_tensor(array) for array in noise]
    modules = model.modules()._replace(features=extract)
    traverse(modules, ops.convert_to_tensor(images), BASE, inputs, samples=samples)
    assert len(handed) == 3
    for level, windows in enumerate(handed, 1):
        wanted, nodes = set(), 0
        for row, tree in enumerate(trees):
            image = oracle.area_image(images[row // samples], BASE * 2 ** (level - 1))
            for node in oracle.walk(tree):
                if node.level == level:
                    nodes += 1
                    wanted.add(oracle.crop(image, BASE, node.place).round(4).tobytes())
        counts = collections.Counter(
            window.astype("float64").round(4).tobytes() for window in windows
        )
        # Padding, less than 16 windows, may repeat the first one of all.
        assert len(windows) - len(wanted) < 16
        assert wanted <= set(counts)
        assert sorted(counts.values())[:-1] == [1] * (len(counts) - 1)
        if attend == "everything":
            assert len(wanted) == batch * (2**level - 1) ** 2
        if level > 1:
            assert len(wanted) < nodes


def test_windows_of_different_images_are_not_shared():
    model = tiny_model(2)
    images = oracle.random_images(2, 8)
    noise = oracle.constant_noise(2, 2, -1)
    logits = ops.convert_to_numpy(logits_of(model, go(model, images, noise)))
    swapped = ops.convert_to_numpy(logits_of(model, go(model, images[::-1], noise)))
    assert_close(swapped, logits[::-1])
    assert np.abs(logits[0] - logits[1]).max() > 1e-2


def test_a_decision_about_a_meeting_window_is_its_nodes_own():
    # Paths (0, 8) and (4, 0) lead to the same window of level 3; each has its own draw.
    model = tiny_model(3)
    images, noise = oracle.random_images(1, 16), oracle.constant_noise(1, 3, 2)
    noise[0][0, 0, [0, 4]] = -1
    noise[1][0, 0, 8] = -1
    noise[1][0, 4, 1] = -1
    assert oracle.child_place(oracle.child_place((0, 0), 0), 8) == (2, 2)
    assert oracle.child_place(oracle.child_place((0, 0), 4), 0) == (2, 2)
    reference = Oracle(model)
    traversed = go(model, images, noise)
    (table,) = attended_in(traversed, 1)[2]
    assert np.flatnonzero(table).tolist() == [8, 4 * 9 + 1]
    assert_close(logits_of(model, traversed), reference.logits(reference.trees(images, noise), 3))


def test_a_node_without_attended_children_keeps_its_vector():
    model = tiny_model(2)
    images = oracle.random_images(2, 8)
    traversed = go(model, images, oracle.constant_noise(2, 2, 2))
    maps = model.feature_extractor(np.stack([oracle.area_image(image, 4) for image in images]))
    assert_close(combine(model.modules(), traversed), ops.convert_to_numpy(maps).mean(axis=(1, 2)))


@pytest.mark.parametrize("levels", [1, 2])
def test_features_instead_of_classes(levels):
    model = tiny_model(levels, classes=None, sample=False)
    images = oracle.random_images(3, 4 * levels)
    reference = Oracle(model)
    trees = reference.trees(images, oracle.constant_noise(3, levels, 0.5))
    assert_close(model(images), reference.logits(trees, levels))
    assert model.predict(images, verbose=0).shape == (3, 3)


@pytest.mark.parametrize("sample", [True, False])
def test_a_model_samples_or_thresholds(sample):
    model = tiny_model(3, sample=sample, classifier_activation=None)
    images = oracle.random_images(2, 16)
    reference = Oracle(model)
    trees = reference.trees(images, oracle.constant_noise(2, 3, 0.5))
    expected = reference.logits(trees, 3)
    outputs = [ops.convert_to_numpy(model(images)) for _ in range(2)]
    if sample:
        assert np.abs(outputs[0] - outputs[1]).max() > 1e-3
        assert_close(model(images, sample=False), expected)
    else:
        assert_close(outputs[0], expected)
        assert_close(outputs[1], expected)
    assert_close(model(images, levels=2, sample=False), reference.logits(trees, 2))


def test_a_graph_of_unknown_batch():
    model = tiny_model(3, sample=False)
    predict = tf.function(model, input_signature=[tf.TensorSpec((None, 16, 16, 2))])
    for batch in (1, 3):
        images = oracle.random_images(batch, 16)
        assert_close(predict(images), ops.convert_to_numpy(model(images)))


def test_stopped_rows_have_the_result_of_fewer_levels():
    model = tiny_model(3)
    images, noise = oracle.random_images(4, 16), oracle.random_noise(4, 3)
    full = go(model, images, noise)
    stops = {1: np.array([True, False, False, False]), 2: np.array([True, False, True, False])}
    seen = []

    def stop(levels):
        seen.append(len(levels))
        return ops.convert_to_tensor(stops[len(levels)])

    stopped = go(model, images, noise, stop=stop)
    assert seen == [1, 2]
    expected = np.stack(
        [
            ops.convert_to_numpy(logits_of(model, full[:depth]))[row]
            for row, depth in enumerate([1, 3, 2, 3])
        ]
    )
    assert_close(logits_of(model, stopped), expected)
    tables, all_tables = attended_in(stopped, 4), attended_in(full, 4)
    for row, depth in enumerate([1, 3, 2, 3]):
        for level in range(3):
            wanted = all_tables[level][row] if level < depth else np.zeros(9**level, bool)
            np.testing.assert_array_equal(tables[level][row], wanted)


def test_confident_images_go_no_further():
    model = tiny_model(3, sample=False, scale=1.5)
    model.run_eagerly = True
    images = oracle.random_images(24, 16)
    by_depth = [model.predict(images, levels=depth, verbose=0) for depth in (1, 2, 3)]
    confidence = float(np.median(by_depth[0].max(axis=1)))
    outputs, attention = model.predict(
        images, confidence=confidence, return_attention=True, verbose=0
    )
    _, full = model.predict(images, return_attention=True, verbose=0)
    depths = [
        1 if one.max() >= confidence else 2 if two.max() >= confidence else 3
        for one, two, _ in zip(*by_depth)
    ]
    assert set(depths) == {1, 2, 3}
    expected = np.stack([by_depth[depth - 1][row] for row, depth in enumerate(depths)])
    assert_close(outputs, expected)
    wanted = np.where(np.arange(3) < np.array(depths)[:, None], full.counts(), 0)
    np.testing.assert_array_equal(attention.counts(), wanted)
    # The next call has no confidence any more.
    assert_close(model.predict(images, verbose=0), by_depth[2])


@pytest.mark.parametrize("confidence", [0, -0.5, 1.5, float("nan")])
def test_confidence_is_a_probability(confidence):
    model = tiny_model(2)
    with pytest.raises(ValueError, match=f"confidence is {confidence}; expected a probability"):
        model.predict(oracle.random_images(1, 8), confidence=confidence, verbose=0)
    features = tiny_model(2, classes=None)
    with pytest.raises(ValueError, match="of a model that classifies"):
        features.predict(oracle.random_images(1, 8), confidence=0.5, verbose=0)


def test_integer_images():
    # Bytes are averaged as numbers, not as bytes.
    model = tiny_model(2, sample=False, channels=1)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), "uint8")
    assert_close(model(images), ops.convert_to_numpy(model(images.astype("float32"))))


def test_layers_of_the_feature_extractor_know_that_they_train():
    window = keras.Input((4, 4, 2))
    maps = keras.layers.BatchNormalization(name="norm")(keras.layers.Conv2D(3, 3)(window))
    model = kmg.applications.TopDown(keras.Model(window, maps), 5, 2)
    model.compile(keras.optimizers.SGD(0.1), loss=kmg.top_down.TopDownLoss())
    norm = model.feature_extractor.get_layer("norm")
    before = norm.moving_mean.numpy()
    model.fit(oracle.random_images(4, 8) + 3, np.arange(4), verbose=0)
    assert np.abs(norm.moving_mean.numpy() - before).max() > 1e-3
