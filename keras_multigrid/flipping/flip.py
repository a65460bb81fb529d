"""flip: any Keras CNN as a multigrid network that starts as its equal."""

import keras

from keras_multigrid import checks
from keras_multigrid.applications.common import checked_ratios
from keras_multigrid.copies import functional, is_sequential
from keras_multigrid.flipping.building import Builder
from keras_multigrid.flipping.calls import recorded
from keras_multigrid.flipping.features import Widths
from keras_multigrid.flipping.keras_layers import Simplifier
from keras_multigrid.flipping.layer_copies import LayerCopies
from keras_multigrid.flipping.plan import Plan

DEFAULT_RATIOS = (1, 1 / 2, 1 / 4)
MAX_GRIDS = 8


def flip(
    model,
    ratios=DEFAULT_RATIOS,
    *,
    pyramid_outputs=False,
    one_pixel_kernels=True,
    kernel_initializer="he_normal",
):
    """Flips a CNN from a single grid to multigrid (paper, section 1); at first it is its equal.

    Each feature map becomes a pyramid, whose finest grid is the old map. Coarser grids are new, and
    begin at the pooled image. Convolutions become `MultigridConv2D`: the old kernel reads the
    finest grid, zeros what that reads of the next coarser one, and all other kernels are drawn, so
    that context flows across scales as soon as training has moved the zeros. All else works on
    each grid by itself: depthwise and grouped convolutions and those of oblong kernels,
    normalization, activations, pooling, squeeze-and-excitation, sums, products, concatenations,
    dropout. Convolutions that read the image stay one per grid, as in the paper.

    Where the coarsest grid would become smaller than a pixel, pooling merges it into the next finer
    one, as in the paper, and a convolution with strides reads it a last time; of unknown sizes none
    is. Where zeros around the finest grid, or none, would leave grids that are not halves of each
    other, coarser ones get zeros so that their pixels lie over the finer ones', and are cropped.
    Grids that nothing reads are left out. The head, from global pooling or flattening on, stays as
    it is and reads the finest grid, and channels that have merged into that with zeros at first.

    Args:
        model: A functional or sequential `keras.Model` of images, channels last. It stays as it
            is: the new network has layers of its own. What is frozen stays frozen.
        ratios: Width of each grid relative to the finest; its length is the number of grids.
        pyramid_outputs: Whether to return the last pyramid instead, all its grids.
        one_pixel_kernels: Whether coarser grids that are known to be one pixel get kernels of 1x1,
            as in the paper; other taps would meet nothing but zeros.
        kernel_initializer: Initializer of the drawn parts of kernels that read several grids.
            Layers that read each grid by itself have theirs.

    Returns:
        A functional `keras.Model` with the inputs, outputs and name of `model`, not compiled. The
        layers of its finest grids have the old names.

    Raises:
        ValueError: If a layer cannot be flipped: recurrent ones, attention, tokens, `Lambda`, and
            those of one's own that nobody has told how (`kmg.flip.register`); or if an argument is
            wrong.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> old = keras.applications.MobileNetV2((64, 64, 3), alpha=0.35, weights=None, classes=5)
    >>> new = kmg.flip(old, ratios=(1, 1 / 2))
    >>> image = np.ones((1, 64, 64, 3), "float32")
    >>> bool(np.allclose(new(image), old(image), atol=1e-5))
    True
    >>> new.count_params() > old.count_params()
    True
    """
    checks.models(model=model)
    if is_sequential(model) and not model.built:
        raise ValueError(f"The model '{model.name}' is not built; give it a keras.Input first.")
    model = functional(model)
    checks.functional_models(model=model)
    checks.lists(ratios=ratios)
    for ratio in ratios:
        checks.positive_numbers(ratios=ratio)
    ratios = checked_ratios(ratios, DEFAULT_RATIOS, MAX_GRIDS, name="ratios")
    checks.flags(pyramid_outputs=pyramid_outputs, one_pixel_kernels=one_pixel_kernels)
    initializer = _initializer(kernel_initializer)
    images, calls, outputs = recorded(model)
    simplifier = Simplifier()
    calls = [simple for call in calls for simple in simplifier.simplified(call)]
    plan = Plan(images, calls, outputs, len(ratios), pyramid_outputs)
    names = [each.name for each in (*images, *calls)]
    copies = LayerCopies(Widths(ratios[: plan.start]), names)
    for image in images:
        copies.name(image.name)
    builder = Builder(plan, copies, images, one_pixel_kernels, initializer)
    builder.build()
    inputs = keras.tree.pack_sequence_as(model.input, images)
    if pyramid_outputs:
        return keras.Model(inputs, builder.last_pyramid(), name=model.name)
    finest = [builder.finest(output) for output in outputs]
    return keras.Model(inputs, keras.tree.pack_sequence_as(model.output, finest), name=model.name)


def _initializer(kernel_initializer):
    try:
        return keras.initializers.get(kernel_initializer)
    except ValueError:
        raise ValueError(
            f"kernel_initializer is {kernel_initializer!r}; expected a Keras initializer or its "
            "name, such as 'he_normal'."
        ) from None
