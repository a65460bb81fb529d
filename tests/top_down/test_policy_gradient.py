"""The learning rule: golden numbers, unbiased gradients, and gradients by finite differences."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_multigrid as kmg
from keras_multigrid.top_down import (
    TopDownLoss,
    count_penalty,
    coverage_penalty,
    coverage_target,
    likelihood_ratio_loss,
    log_likelihood,
    log_probability,
    moving_baseline,
)
from keras_multigrid.top_down.outcome import decision_sums
from keras_multigrid.top_down.traversal import combine, traverse
from tests.asserts import assert_close
from tests.top_down import oracle
from tests.top_down.oracle import Oracle, tiny_model


def number(tensor):
    return float(ops.convert_to_numpy(tensor))


def test_golden_likelihood_ratio_loss():
    # -(-2) - 0.5 (-2 + 1)(-3) = 0.5 and -(-4) - 0.5 (-4 + 1)(-5) = -3.5
    loss = likelihood_ratio_loss([-2.0, -4.0], [-3.0, -5.0], baseline=-1.0, weight=0.5)
    assert number(loss) == pytest.approx((0.5 - 3.5) / 2)


def test_golden_gradient_of_the_likelihood_ratio_loss():
    likelihoods, scores = tf.Variable([-2.0, -4.0]), tf.Variable([-3.0, -5.0])
    baseline = tf.Variable(-1.0)
    with tf.GradientTape() as tape:
        loss = likelihood_ratio_loss(likelihoods, scores, baseline, 0.5)
    gradients = tape.gradient(loss, [likelihoods, scores, baseline])
    assert_close(gradients[0], np.array([-0.5, -0.5]))  # nothing through the advantage
    assert_close(gradients[1], np.array([-0.5 * -1 / 2, -0.5 * -3 / 2]))
    assert gradients[2] is None


def test_golden_count_penalty():
    assert number(count_penalty([1.0, 2.0, 6.0], 5.0, 0.1)) == pytest.approx(0.05 * 2**2)
    counts = tf.Variable([1.0, 2.0, 6.0])
    with tf.GradientTape() as tape:
        penalty = count_penalty(counts, 5.0, 0.1)
    assert_close(tape.gradient(penalty, counts), np.full(3, 0.1 * -2 / 3))


def test_golden_coverage_penalty():
    means = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    # 2 (16 + 9 + 4 + 1) / 100 = 0.6
    assert number(coverage_penalty(means, 0.5, 3.0)) == pytest.approx(3 / 18 * 0.6)
    means = tf.Variable(means)
    with tf.GradientTape() as tape:
        penalty = coverage_penalty(means, 0.4, 3.0)
    expected = 3 / 9 * (means.numpy() - 0.4)
    assert_close(tape.gradient(penalty, means), expected)


def test_golden_log_probability():
    logits = [[np.log(3.0), 0.0, -np.log(3.0)], [40.0, -40.0, 0.0]]  # of 3/4, 1/2, 1/4; 1, 0, 1/2
    attended = [[True, False, True], [True, False, True]]
    scores = log_probability(logits, attended)
    assert_close(scores, np.log([3 / 4 * 1 / 2 * 1 / 4, 1 / 2]))


def test_log_probability_is_precise_far_out():
    scores = log_probability(
        [[100.0], [-100.0], [100.0], [-30.0]], [[False], [True], [True], [False]]
    )
    scores = ops.convert_to_numpy(scores)
    assert_close(scores[:2], np.array([-100.0, -100.0]))
    np.testing.assert_allclose(scores[2:], [-np.exp(-100.0), -np.exp(-30.0)], rtol=1e-4, atol=1e-40)


def test_golden_log_likelihood():
    logits = np.log([[1.0, 2.0, 5.0], [3.0, 1.0, 4.0]]).astype("float32")
    assert_close(log_likelihood(logits, [2, 1]), np.log([5 / 8, 1 / 8]))
    assert_close(log_likelihood([[0.0, 200.0]], [0]), np.array([-200.0]))


def test_golden_moving_baseline():
    assert number(moving_baseline(-2.0, [-1.0, -3.0, -5.0])) == pytest.approx(-1.8 - 0.3)


@pytest.mark.parametrize(
    "target, levels, per_node",
    [(2.0, 2, 2), (6.0, 3, 2), (12.0, 3, 3), (39.0, 4, 3), (14, 4, 2), (90, 3, 9), (9, 2, 9)],
)
def test_coverage_target(target, levels, per_node):
    assert coverage_target(target, levels) == pytest.approx(per_node / 9)
    assert oracle.per_node(target, levels) == pytest.approx(per_node)


@pytest.mark.parametrize("levels", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("target", [1e-3, 0.37, 1.5, 4.5, 7.9])
def test_coverage_target_solves_the_equation(target, levels):
    per_node = 9 * coverage_target(target, levels)
    assert isinstance(per_node, float)
    assert sum(per_node**power for power in range(1, levels)) == pytest.approx(target)


@pytest.mark.parametrize("target, levels, most", [(0, 2, 9), (-1, 3, 90), (9.1, 2, 9), (91, 3, 90)])
def test_coverage_target_that_cannot_be(target, levels, most):
    message = f"target_locations is {target}; expected more than 0 and at most {most}, all"
    with pytest.raises(ValueError, match=message):
        coverage_target(target, levels)


@pytest.mark.parametrize("samples", [0, -1, 1.5, True, "2", None])
def test_samples_that_are_not_a_number(samples):
    with pytest.raises(ValueError, match=f"samples is {samples!r}; expected a positive integer"):
        TopDownLoss(samples=samples)


@pytest.mark.parametrize("argument", ["reward_weight", "coverage_weight", "count_weight"])
@pytest.mark.parametrize("value", [-1e-9, float("nan")])
def test_weights_that_are_negative(argument, value):
    with pytest.raises(ValueError, match=f"{argument} is {value}; expected 0 or more"):
        TopDownLoss(**{argument: value})


def fit_once(levels, **settings):
    model = tiny_model(levels)
    model.compile("sgd", loss=TopDownLoss(**settings), run_eagerly=True)
    model.fit(oracle.random_images(2, 4 * 2 ** (levels - 1)), np.zeros(2), verbose=0)


@pytest.mark.parametrize(
    "levels, settings, message",
    [
        (2, {"level_weights": [1.0]}, "level_weights has 1 entries; expected 2, one per level"),
        (2, {"level_weights": [1, 1, 1]}, "level_weights has 3 entries; expected 2"),
        (3, {"target_locations": [2.0]}, "target_locations has 1 entries; expected 2, for 2 to 3"),
        (2, {"target_locations": [2.0, 6.0]}, "target_locations has 2 entries; expected 1"),
        (2, {"target_locations": 9.5}, "target_locations is 9.5; .* at most 9"),
        (2, {"target_locations": 0}, "target_locations is 0; expected more than 0"),
    ],
)
def test_numbers_that_do_not_fit_the_levels(levels, settings, message):
    with pytest.raises(ValueError, match=message):
        fit_once(levels, **settings)


@pytest.mark.parametrize("level_weights", [[0.0, 0.0], [-1.0, 1.0], [1.0, float("nan")]])
def test_level_weights_that_are_negative_or_all_zero(level_weights):
    with pytest.raises(ValueError, match=r"level_weights is .*; expected numbers of 0 or more"):
        fit_once(2, level_weights=level_weights)


@pytest.mark.parametrize("number", [np.float32, np.int64])
def test_targets_of_numpy(number):
    rule = TopDownLoss(target_locations=number(2))
    assert rule.weights_and_targets(3) == TopDownLoss(2.0).weights_and_targets(3)


def test_weights_and_targets():
    rule = TopDownLoss(6.0)
    assert rule.weights_and_targets(1) == [(1.0, None, None)]
    (one, _, _), (two, _, _), (three, target, coverage) = rule.weights_and_targets(3)
    assert (one, two, three, target) == (0, 0, 1, 6.0)
    assert coverage == pytest.approx(2 / 9)
    rule = TopDownLoss([3.0, 12.0, 39.0], level_weights=[0.5, 1.0, 2.0, 3.0])
    weights, targets, coverages = zip(*rule.weights_and_targets(4))
    assert weights == (0.5, 1.0, 2.0, 3.0)
    assert targets == (None, 3.0, 12.0, 39.0)
    np.testing.assert_allclose(coverages[1:], [3 / 9] * 3)


def test_the_loss_is_saved_with_its_settings():
    rule = TopDownLoss(
        [2.0, 6.0], [1.0, 0.5, 1.0], samples=3, reward_weight=0.1, coverage_weight=0.2
    )
    config = keras.losses.serialize(rule)
    again = keras.losses.deserialize(config)
    assert isinstance(again, TopDownLoss)
    assert again.get_config() == rule.get_config()
    defaults = TopDownLoss().get_config()
    weights = [defaults[f"{name}_weight"] for name in ("reward", "coverage", "count")]
    assert weights == [1e-6, 1e-7, 1e-7]  # the paper's for MNIST
    assert defaults["samples"] == 2


LABEL = 1


def problem():
    """Returns a model and an image whose l = log p(LABEL) depends on where it looks: by +-1.4."""
    return tiny_model(2, seed=5, scale=1.5), oracle.random_images(1, 8, seed=5)


def go(model, images, noise, samples):
    noise = [ops.convert_to_tensor(array) for array in noise]
    return traverse(model.modules(), ops.convert_to_tensor(images), 4, noise, samples=samples)


def likelihoods_and_scores(model, images, noise, samples, labels):
    """Returns l_i and log p of the decisions of each row, of a traversal of all levels."""
    levels = go(model, images, noise, samples)
    logits = model.classification(combine(model.modules(), levels))
    rows = len(images) * samples
    scores = 0.0
    for nodes in levels[:-1]:
        of_nodes = log_probability(nodes.decisions.logits, nodes.decisions.attended)
        of_nodes *= ops.cast(nodes.alive, "float32")
        scores += ops.segment_sum(of_nodes, nodes.row, rows)
    return log_likelihood(logits, ops.repeat(ops.convert_to_tensor(labels), samples)), scores


def split(model):
    """Returns the weights of the location module, and those of the others."""
    locations = model.location.trainable_variables
    names = {id(weight) for weight in locations}
    return locations, [each for each in model.trainable_variables if id(each) not in names]


def exact_gradients(model, image):
    """Returns the gradient of the expected log likelihood, by going through all 2^9 sets.

    That of the location module comes from the oracle: with z_k the logits, dE/dz_k is the sum of
    p(u) l(u) (u_k - p_k).
    """
    sets = np.array(list(itertools.product([0, 1], repeat=9)))
    noise = [np.where(sets[:, None], -1, 2).astype("float32")]
    reference = Oracle(model)
    trees = reference.trees(image, noise, len(sets))
    likelihoods = reference.log_likelihoods(trees, [LABEL] * len(sets), 2)
    probabilities = trees[0].probabilities
    of_sets = np.prod(np.where(sets, probabilities, 1 - probabilities), axis=1)
    assert of_sets.sum() == pytest.approx(1)
    of_logits = ((of_sets * likelihoods)[:, None] * (sets - probabilities)).sum(axis=0)
    maps = reference.maps_of(image[0], 1)[1, (0, 0)]
    location = [maps[..., None] * of_logits, of_logits]
    _, others = split(model)
    with tf.GradientTape() as tape:
        per_set, _ = likelihoods_and_scores(model, image, noise, len(sets), [LABEL])
        expectation = ops.sum(per_set * of_sets.astype("float32"))
    assert_close(per_set, likelihoods)
    assert number(expectation) == pytest.approx((of_sets * likelihoods).sum(), rel=1e-4)
    return location, tape.gradient(expectation, others)


@pytest.mark.parametrize("baseline", [pytest.param(0.0, marks=pytest.mark.slow), -4.0])
def test_the_gradient_of_the_likelihood_ratio_is_unbiased(baseline):
    model, image = problem()
    groups, rows = 60, 256
    location, others = split(model)
    expected = np.concatenate([np.ravel(g) for part in exact_gradients(model, image) for g in part])

    @tf.function
    def gradients_of_a_group(noise):
        with tf.GradientTape() as tape:
            likelihoods, scores = likelihoods_and_scores(model, image, [noise], rows, [LABEL])
            loss = likelihood_ratio_loss(likelihoods, scores, baseline, 1.0)
        gradients = tape.gradient(loss, [*location, *others])
        return tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], 0)

    rng = np.random.default_rng(6)
    sampled = np.stack(
        [
            gradients_of_a_group(ops.convert_to_tensor(rng.uniform(size=(rows, 1, 9)), "float32"))
            for _ in range(groups)
        ]
    )
    # Every coordinate of the location's bias, and random directions of everything.
    sizes = np.cumsum([0, *(np.prod(weight.shape) for weight in [*location, *others])])
    directions = np.zeros((9 + 8, sizes[-1]))
    directions[:9, sizes[1] : sizes[2]] = np.eye(9)
    directions[9:13, : sizes[1]] = rng.normal(size=(4, sizes[1]))
    directions[13:, sizes[2] :] = rng.normal(size=(4, sizes[-1] - sizes[2]))
    projected = -sampled.astype("float64") @ directions.T  # the loss is minimized
    errors = projected.std(axis=0, ddof=1) / np.sqrt(groups)
    differences = projected.mean(axis=0) - directions @ expected
    assert (errors > 0).all()
    assert (np.abs(differences) < 4.5 * errors).all(), differences / errors
    # The intervals are narrow enough to tell something.
    assert (np.abs(directions[:9] @ expected / errors[:9]) > 9).sum() >= 4
    assert np.abs(directions[13:] @ expected / errors[13:]).max() > 20


def test_a_good_baseline_reduces_the_variance():
    model, image = problem()
    location, _ = split(model)
    noise = oracle.random_noise(512, 2)
    spread = []
    for baseline in (None, -10.0):
        with tf.GradientTape(persistent=True) as tape:
            likelihoods, scores = likelihoods_and_scores(model, image, noise, 512, [LABEL])
            mean = number(ops.mean(likelihoods)) if baseline is None else baseline
            terms = -ops.stop_gradient(likelihoods - mean) * scores
            parts = [ops.mean(terms[start : start + 16]) for start in range(0, 512, 16)]
        gradients = [tape.gradient(part, location[1]).numpy() for part in parts]
        spread.append(np.var(gradients, axis=0).sum())
    assert spread[0] < spread[1] / 2


def forced_noise(rows, levels, seed=7):
    """Returns noise that decides, whatever the probabilities: two in five are attended."""
    noise = oracle.random_noise(rows, levels, seed)
    return [np.where(array < 0.4, -1, 2).astype("float32") for array in noise]


SETTINGS = {"reward_weight": 0.3, "coverage_weight": 20.0, "count_weight": 0.05}


def finite_differences(function, array, directions, step=1e-5):
    """Returns the slopes of a function of nothing, that reads `array`, in some directions."""
    slopes = []
    for direction in directions:
        array += step * direction
        above = function()
        array -= 2 * step * direction
        below = function()
        array += step * direction
        slopes.append((above - below) / (2 * step))
    return np.array(slopes)


def penalties(model, images, noise, samples, target):
    """Returns the two penalties of a traversal of all levels."""
    levels = go(model, images, noise, samples)
    expected, candidates, uses = 0.0, 0.0, 0.0
    for nodes in levels[:-1]:
        probabilities = ops.sigmoid(nodes.decisions.logits)
        probabilities *= ops.cast(nodes.alive, "float32")[:, None]
        of_nodes = ops.sum(probabilities, axis=1)
        expected += ops.segment_sum(of_nodes, nodes.row, len(images) * samples)
        candidates += ops.sum(probabilities, axis=0)
        uses += ops.sum(ops.cast(nodes.alive, "float32"))
    coverage = coverage_target(target, len(levels))
    return (
        count_penalty(expected, target, SETTINGS["count_weight"]),
        coverage_penalty(candidates / uses, coverage, SETTINGS["coverage_weight"]),
    )


@pytest.mark.parametrize("kind", ["count", "coverage"])
@pytest.mark.parametrize("levels", [2, 3])
def test_penalties_and_their_gradients_equal_finite_differences(kind, levels):
    model = tiny_model(levels)
    batch, samples, target = 2, 2, 6.0
    images = oracle.random_images(batch, 4 * 2 ** (levels - 1))
    noise = forced_noise(batch * samples, levels)
    location, _ = split(model)
    with tf.GradientTape() as tape:
        penalty = penalties(model, images, noise, samples, target)[kind == "coverage"]
    gradients = tape.gradient(penalty, location)
    reference = Oracle(model)

    def penalty_of_the_oracle():
        trees = reference.trees(images, noise, samples)
        level_weights, targets = [0] * (levels - 1) + [1], [None] * (levels - 2) + [target]
        if levels == 3:
            targets[0] = 1.0
        return reference.learning_rule(
            trees, [0] * 4, level_weights, targets, [0] * levels, **SETTINGS, terms=[kind]
        )

    assert number(penalty) == pytest.approx(penalty_of_the_oracle(), rel=1e-4)
    rng = np.random.default_rng(8)
    for gradient, name in zip(gradients, ["location/kernel", "location/bias"]):
        array = reference.weights[name]
        directions = rng.normal(size=(3, *array.shape))
        slopes = finite_differences(penalty_of_the_oracle, array, directions)
        actual = [(gradient.numpy() * direction).sum() for direction in directions]
        assert np.abs(slopes).max() > 1e-3
        np.testing.assert_allclose(actual, slopes, rtol=2e-3, atol=1e-4)


def test_only_the_lambda_terms_train_the_location_module():
    model = tiny_model(3)
    images, noise = oracle.random_images(2, 16), oracle.random_noise(4, 3)
    location, others = split(model)
    assert len(location) == 2 and len(others) == 8
    with tf.GradientTape(persistent=True) as tape:
        likelihoods, scores = likelihoods_and_scores(model, images, noise, 2, [1, 3])
        count, coverage = penalties(model, images, noise, 2, 6.0)
        likelihood = ops.mean(likelihoods)
        reward = ops.mean(ops.stop_gradient(likelihoods) * scores)
    assert tape.gradient(likelihood, location) == [None] * 2
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(likelihood, others))
    for term in (reward, count, coverage):
        assert tape.gradient(term, others) == [None] * 8
        assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(term, location))


def test_sums_of_decisions_equal_the_oracle():
    model = tiny_model(3)
    images, noise = oracle.random_images(2, 16), oracle.random_noise(4, 3)
    levels = go(model, images, noise, 2)
    names = ("log_probabilities", "expected", "attended", "candidate_sums", "uses")
    outcome = dict(zip(outcome_fields(), decision_sums(levels, 4)))
    log_probabilities, expected, attended, candidates, uses = (outcome[name] for name in names)
    trees = Oracle(model).trees(images, noise, 2)
    for row, tree in enumerate(trees):
        for level in (1, 2):
            nodes = [node for node in oracle.walk(tree) if node.level == level]
            wanted = sum(map(oracle.log_probability, nodes))
            assert number(log_probabilities[row, level - 1]) == pytest.approx(wanted, rel=1e-4)
            wanted = sum(node.probabilities.sum() for node in nodes)
            assert number(expected[row, level - 1]) == pytest.approx(wanted, rel=1e-4)
            assert number(attended[row, level - 1]) == sum(len(node.children) for node in nodes)
    for level in (1, 2):
        nodes = [node for tree in trees for node in oracle.walk(tree) if node.level == level]
        assert number(uses[level - 1]) == len(nodes)
        assert_close(candidates[level - 1], sum(node.probabilities for node in nodes))


def outcome_fields():
    """Returns the names of what `decision_sums` returns."""
    fields = kmg.top_down.trainer.Outcome._fields
    return fields[fields.index("log_probabilities") : fields.index("uses") + 1]
