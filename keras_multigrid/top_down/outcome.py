"""What the steps of a top-down model report about a traversal."""

from typing import NamedTuple

from keras import ops

from keras_multigrid.top_down.geometry import CANDIDATES, nodes_in
from keras_multigrid.top_down.policy_gradient import log_probability


class Outcome(NamedTuple):
    """What a step of training or evaluation needs to know.

    Attributes:
        logits: Logits of the classes after 1, 2, ... levels, each `(rows, classes)`; None where
            they are not needed.
        probabilities: Probabilities of the classes after all levels.
        log_probabilities: log p of the decisions in each level but the last, `(rows, levels - 1)`.
        expected: Sums of the candidates' probabilities, of the same shape.
        attended: How many were attended, of the same shape.
        parents: How many nodes have attended candidates, of the same shape.
        candidate_sums: Sums of the probabilities over all nodes of a level, `(levels - 1, 9)`.
        uses: Number of nodes of a level, `(levels - 1,)`.
        baselines: The moving averages before the step.
        counts: Nodes of each level, `(levels,)`, for `capacity`.
    """

    logits: list
    probabilities: object
    log_probabilities: object
    expected: object
    attended: object
    parents: object
    candidate_sums: object
    uses: object
    baselines: object
    counts: object


def outcome(model, images, training, *, samples, depths, sample):
    """Returns the `Outcome` of a traversal.

    Args:
        model: A `TopDown`.
        images: As for the model.
        training: Whether the feature extractor trains.
        samples: Rows per image.
        depths: The numbers of levels after which logits are needed.
        sample: Whether candidates are attended at random; None is the model's own.
    """
    levels = model.go_down(images, model.options(sample=sample), samples, training)
    rows = ops.shape(images)[0] * samples
    logits = [None] * model.levels
    for depth in sorted({*depths, model.levels}):
        logits[depth - 1] = model.classification(model.go_up(levels[:depth]))
    probabilities = model.activation(logits[-1])
    logits = [each if depth in depths else None for depth, each in enumerate(logits, 1)]
    sums = decision_sums(levels, rows)
    baselines = ops.copy(model.baselines)  # TensorFlow would read it after the step
    return Outcome(logits, probabilities, *sums, baselines, _node_counts(levels, rows))


def decision_sums(levels, rows):
    """Returns the fields of an `Outcome` from `log_probabilities` to `uses`."""
    if len(levels) == 1:
        return [None] * 6
    sums = []
    for nodes in levels[:-1]:
        alive = ops.cast(nodes.alive, "float32")
        logits, attended = nodes.decisions.logits, nodes.decisions.attended
        probabilities = ops.sigmoid(logits) * alive[:, None]
        of_nodes = ops.stack(
            [
                log_probability(logits, attended) * alive,
                ops.sum(probabilities, axis=-1),
                ops.sum(ops.cast(attended, "float32"), axis=-1),
                ops.cast(ops.any(attended, axis=-1), "float32"),
            ],
            axis=-1,
        )
        # Rows are sorted, and a segment sum has a gradient on every backend.
        of_rows = ops.segment_sum(of_nodes, nodes.row, rows)
        sums.append((of_rows, ops.sum(probabilities, axis=0), ops.sum(alive)))
    of_rows, candidates, uses = (ops.stack(entries) for entries in zip(*sums))
    return [ops.transpose(of_rows[..., kind]) for kind in range(4)] + [candidates, uses]


class Prediction(NamedTuple):
    """What a step of `predict` returns.

    Attributes:
        outputs: The model's outputs.
        attended: For each level, 1 where a node is attended, `(rows, nodes_in(level))`.
        probabilities: The candidates' in each level but the last, `(rows, nodes, 9)`.
        counts: Nodes of each level, `(rows, levels)`.
    """

    outputs: object
    attended: list
    probabilities: list
    counts: object


def prediction(model, images, training, *, options):
    """Returns the `Prediction` of a `TopDown` with some `Options`."""
    levels = model.go_down(images, options, training=training)
    rows = ops.shape(images)[0]
    tables = _decision_tables(levels, rows) if options.return_attention else ([], [])
    # The counts are repeated for each image, as Keras concatenates what batches return.
    counts = ops.tile(_node_counts(levels, rows)[None], (rows, 1))
    return Prediction(model.outputs_of(levels), *tables, counts)


def _decision_tables(levels, rows):
    """Returns `attended` and `probabilities` of a `Prediction`."""
    attended, probabilities = [], []
    for level, nodes in enumerate(levels, 1):
        count = nodes_in(level)
        place = (nodes.row * count + nodes.path)[:, None]
        alive = ops.cast(nodes.alive, "float32")
        attended.append(ops.reshape(ops.scatter(place, alive, (rows * count,)), (-1, count)))
        if level < len(levels):
            values = ops.sigmoid(nodes.decisions.logits) * alive[:, None]
            table = ops.scatter(place, values, (rows * count, CANDIDATES))
            probabilities.append(ops.reshape(table, (-1, count, CANDIDATES)))
    return attended, probabilities


def _node_counts(levels, rows):
    """Returns how many nodes each level has, of shape `(levels,)`."""
    children = [nodes.decisions.selection.count for nodes in levels[:-1]]
    return ops.stack([ops.cast(rows, "int32"), *children])
