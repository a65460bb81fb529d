"""Stopping per image once the network is confident: what it costs, and what it saves."""

import numpy as np

from keras_multigrid import checks
from keras_multigrid.complexity import traversal_macs

THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)


def confidence_curve(model, images, labels, *, thresholds=THRESHOLDS, batch_size=100):
    """Measures accuracy and cost when images stop as soon as their class is probable enough.

    Only models trained by multi-level learning (`TopDownLoss(level_weights=...)`) are accurate
    after fewer levels; others stop rarely, or wrongly.

    Args:
        model: A `TopDown` that classifies.
        images: As for the model.
        labels: Their classes, integers.
        thresholds: Probabilities; an image whose class is as probable goes no further.
        batch_size: Images per batch.

    Returns:
        List of `(macs, accuracy, annotation)`, as `draw_accuracy_cost` draws them: mean
        multiply-adds per image, the classifications in between included, share of right classes,
        and the threshold; the last point is without stopping.

    Raises:
        ValueError: If a threshold is not a probability.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.TDMNIST1(levels=2)
    >>> data = kmg.datasets.load("located_mnist", "test", 50, source="digits", size=28)
    >>> images, labels = next(data.as_numpy_iterator())
    >>> curve = kmg.top_down.confidence_curve(model, images, labels, thresholds=[0.05])
    >>> curve[0][0], curve[1][2]  # of ten classes one always has 5 percent: level 1 suffices
    (141760.0, 'all')
    """
    checks.models(model=model)
    checks.arrays(images=images, labels=labels)
    checks.lists(thresholds=thresholds)
    checks.positive_integers(batch_size=batch_size)
    points = []
    for threshold in (*thresholds, None):
        outputs, attention = model.predict(
            images, batch_size, verbose=0, confidence=threshold, return_attention=True
        )
        macs = traversal_macs(model, attention)
        if threshold is not None:
            macs = macs + _macs_in_between(model.costs, attention)
        accuracy = np.mean(outputs.argmax(axis=1) == np.ravel(labels))
        annotation = "all" if threshold is None else f"{threshold:g}"
        points.append((float(macs.mean()), float(accuracy), annotation))
    return points


def _macs_in_between(costs, attention):
    """Returns the multiply-adds of the classifications before the last one, for each image."""
    merged = attention.parents() * (costs.aggregation + costs.merging)
    macs = np.zeros(len(merged), int)
    for level in range(1, attention.levels):
        goes_on = attention.attended[level].any(axis=1)
        macs += goes_on * (costs.classification + merged[:, : level - 1].sum(axis=1))
    return macs
