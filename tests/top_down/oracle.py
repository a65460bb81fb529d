"""NumPy reference of the top-down traversal, written from the specification, not from our code.

One row after the other, one node after the other, recursively, in float64. Only the feature
extraction is computed by Keras, of crops that are cut here. Rows are images, each repeated once per
Monte Carlo sample; the noise of level l is `(rows, 9 ** (l - 1), 9)`, by path: the candidates'
numbers, each 3 * row + column, as digits of base 9.
"""

import dataclasses

import keras
import numpy as np

import keras_multigrid as kmg

SLOPE = 0.2


@dataclasses.dataclass
class Node:
    """A node that was attended, and the decisions about its 9 candidates."""

    level: int
    path: int
    place: tuple
    vector: np.ndarray
    probabilities: np.ndarray
    children: dict


def tiny_model(levels, classes=5, channels=2, size=4, seed=3, scale=2.0, **options):
    """Returns a `TopDown` of 4x4 windows and 3 features, with weights that hide nothing."""
    window = keras.Input((size, size, channels))
    maps = keras.layers.Conv2D(3, 3, activation="tanh", name="conv")(window)
    model = kmg.applications.TopDown(keras.Model(window, maps), classes, levels, **options)
    rng = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        fan_in = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 1
        weight.assign(scale * rng.normal(size=weight.shape) / np.sqrt(fan_in))
    return model


def random_images(batch, side, channels=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, side, side, channels)).astype("float32")


def random_noise(rows, levels, seed=1):
    """Returns the noise of each level but the last; (rows, 9 ** (l - 1), 9)."""
    rng = np.random.default_rng(seed)
    noise = [rng.uniform(size=(rows, 9 ** (level - 1), 9)) for level in range(1, levels)]
    return [array.astype("float32") for array in noise]


def constant_noise(rows, levels, value):
    """Returns the same number everywhere: 0.5 is a threshold, -1 attends all, 2 nothing."""
    return [np.full_like(array, value) for array in random_noise(rows, levels)]


def area_image(image, side):
    """Returns an image (height, width, channels) of `side` pixels, each the mean of an area."""
    size = len(image) // side
    output = np.zeros((side, side, image.shape[2]))
    for row in range(side):
        for column in range(side):
            area = image[row * size : (row + 1) * size, column * size : (column + 1) * size]
            output[row, column] = area.astype("float64").mean(axis=(0, 1))
    return output


def child_place(place, candidate):
    """q_l = 2 q_(l-1) + j per axis, in halves of the base size."""
    row, column = place
    return 2 * row + candidate // 3, 2 * column + candidate % 3


def crop(image, base, place):
    """Returns the window of the image of a level that starts at `place`, in halves of `base`."""
    top, left = (base // 2 * start for start in place)
    return image[top : top + base, left : left + base]


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def leaky_relu(values):
    return np.where(values > 0, values, SLOPE * values)


def log_softmax(logits):
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


class Oracle:
    """The network of a Keras model; `weights` may be perturbed."""

    def __init__(self, model):
        self.base = model.feature_extractor.input_shape[1]
        self.extract = model.feature_extractor
        modules = ("location", "aggregation", "merging", "classification")
        self.weights = {
            f"{module}/{kind}": np.asarray(weight.numpy(), "float64")
            for module in modules
            if getattr(model, module) is not None
            for kind, weight in zip(("kernel", "bias"), getattr(model, module).weights)
        }

    def maps_of(self, image, levels):
        """Returns the feature maps of all windows of an image, by (level, place)."""
        places, crops = [], []
        for level in range(1, levels + 1):
            downscaled = area_image(image, self.base * 2 ** (level - 1))
            for row in range(2**level - 1):
                for column in range(2**level - 1):
                    places.append((level, (row, column)))
                    crops.append(crop(downscaled, self.base, (row, column)))
        maps = self.extract(np.stack(crops).astype("float32")).numpy().astype("float64")
        return dict(zip(places, maps))

    def location_logits(self, maps):
        """A convolution whose kernel covers the map has one output."""
        kernel, bias = self.weights["location/kernel"], self.weights["location/bias"]
        assert kernel.shape == (*maps.shape, 9)
        return np.einsum("hwf,hwfk->k", maps, kernel) + bias

    def trees(self, images, noise, samples=1):
        """Goes down; returns a tree per row."""
        trees = []
        for index, image in enumerate(images):
            maps = self.maps_of(image, len(noise) + 1)
            for row in range(index * samples, (index + 1) * samples):
                of_row = [level[row] for level in noise]
                trees.append(self.node(maps, of_row, 1, 0, (0, 0)))
        return trees

    def node(self, maps, noise, level, path, place):
        own = maps[level, place]
        vector = own.mean(axis=(0, 1))
        if level > len(noise):
            return Node(level, path, place, vector, None, {})
        probabilities = sigmoid(self.location_logits(own))
        children = {}
        for candidate in range(9):
            if noise[level - 1][path, candidate] < probabilities[candidate]:
                child = child_place(place, candidate)
                children[candidate] = self.node(maps, noise, level + 1, 9 * path + candidate, child)
        return Node(level, path, place, vector, probabilities, children)

    def merged(self, node, depth):
        """V' of a node in a traversal of `depth` levels."""
        if node.level == depth or not node.children:
            return node.vector
        grid = np.zeros((3, 3, len(node.vector)))
        for candidate, child in node.children.items():
            grid[candidate // 3, candidate % 3] = self.merged(child, depth)
        kernel, bias = self.weights["aggregation/kernel"], self.weights["aggregation/bias"]
        below = np.zeros(len(node.vector))
        for row in range(3):
            for column in range(3):
                below += grid[row, column] @ kernel[row, column]
        below = leaky_relu(below + bias)
        kernel, bias = self.weights["merging/kernel"], self.weights["merging/bias"]
        return leaky_relu(np.concatenate([node.vector, below]) @ kernel + bias)

    def logits(self, trees, depth):
        """Returns the logits of all rows, `(rows, classes)`, after `depth` levels."""
        vectors = np.stack([self.merged(tree, depth) for tree in trees])
        if "classification/kernel" not in self.weights:
            return vectors
        kernel, bias = self.weights["classification/kernel"], self.weights["classification/bias"]
        return vectors @ kernel + bias

    def log_likelihoods(self, trees, labels, depth):
        logits = self.logits(trees, depth)
        return np.array([log_softmax(row)[label] for row, label in zip(logits, labels)])

    def learning_rule(
        self,
        trees,
        labels,
        level_weights,
        targets,
        baselines,
        reward_weight,
        coverage_weight,
        count_weight,
        terms=("likelihood", "reward", "count", "coverage"),
    ):
        """Returns J, section 4: the sum over z of lambda_z J^(z).

        Args:
            trees: Of each row.
            labels: Of each row.
            level_weights: lambda_z for 1, 2, ... levels.
            targets: c_t for 2, 3, ... levels.
            baselines: b for 1, 2, ... levels.
            reward_weight, coverage_weight, count_weight: lambda_f, lambda_r, lambda_t.
            terms: Which terms are added.
        """
        total = 0.0
        for depth, weight in enumerate(level_weights, 1):
            likelihoods = self.log_likelihoods(trees, labels, depth)
            parts = {"likelihood": -likelihoods.mean()}
            if depth > 1:
                uses = [list(deciding(tree, depth)) for tree in trees]
                scores = np.array([sum(log_probability(node) for node in row) for row in uses])
                expected = [sum(node.probabilities.sum() for node in row) for row in uses]
                means = np.mean([node.probabilities for row in uses for node in row], axis=0)
                target = targets[depth - 2]
                advantage = likelihoods - baselines[depth - 1]
                coverage = means - per_node(target, depth) / 9
                parts["reward"] = -reward_weight * (advantage * scores).mean()
                parts["count"] = count_weight / 2 * (np.mean(expected) - target) ** 2
                parts["coverage"] = coverage_weight / (2 * 9) * (coverage**2).sum()
            total += weight * sum(parts[term] for term in terms if term in parts)
        return total


def walk(node):
    """Yields a node and all below it."""
    yield node
    for child in node.children.values():
        yield from walk(child)


def deciding(node, depth):
    """Yields the nodes whose candidates are decided about in a traversal of `depth` levels."""
    return (each for each in walk(node) if each.level < depth)


def log_probability(node):
    attended = np.isin(np.arange(9), list(node.children))
    return np.log(np.where(attended, node.probabilities, 1 - node.probabilities)).sum()


def per_node(target, depth):
    """Returns the a with a + a^2 + ... + a^(depth - 1) = target, by bisection."""
    low, high = 0.0, max(1.0, target)
    for _ in range(200):
        middle = (low + high) / 2
        if sum(middle**power for power in range(1, depth)) < target:
            low = middle
        else:
            high = middle
    return low


def attended_table(trees, level):
    """Returns which nodes of a level were attended, boolean `(rows, 9 ** (level - 1))`."""
    table = np.zeros((len(trees), 9 ** (level - 1)), bool)
    for row, tree in enumerate(trees):
        for node in walk(tree):
            if node.level == level:
                table[row, node.path] = True
    return table
