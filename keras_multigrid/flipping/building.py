"""Builds the flipped network, step by step."""

import keras

from keras_multigrid.flipping.convolution import mixed
from keras_multigrid.flipping.each_grid import each_grid
from keras_multigrid.flipping.layer_copies import MERGED
from keras_multigrid.flipping.plan import KEEP, MIX, ZEROS
from keras_multigrid.flipping.spacing import equally_spaced, policy_of
from keras_multigrid.flipping.windows import NO_ZEROS, grid_paddings
from keras_multigrid.layers import ImagePyramid


class Builder:
    """Turns tensors of a network into pyramids: dictionaries from a grid's number to its tensor.

    Args:
        plan: The `Plan`.
        copies: The `LayerCopies`.
        images: The symbolic inputs.
        one_pixel_kernels: Whether coarser grids of one pixel get 1x1 kernels.
        initializer: Of the kernels that read several grids.
    """

    def __init__(self, plan, copies, images, one_pixel_kernels, initializer):
        self.plan, self.copies = plan, copies
        self.one_pixel_kernels, self.initializer = one_pixel_kernels, initializer
        self.pyramids = {plan.features[id(image)]: {0: image} for image in images}  # by feature
        self.padded = {}  # the same, with the zeros that are around them

    def build(self):
        """Builds all that something reads."""
        for step in self.plan.steps:
            if step.is_needed:
                try:
                    self._build(step)
                except (ValueError, TypeError) as error:
                    raise step.call.refusal(error) from error

    def finest(self, tensor):
        """Returns what an old tensor has become."""
        return self.whole(self.plan.features[id(tensor)])[0]

    def last_pyramid(self):
        """Returns the grids of the last pyramid."""
        feature = self.plan.features[id(self.plan.last)]
        grids = self.whole(feature)
        if MERGED in grids:
            return [self.joined([grids[0], grids[MERGED]], "merged")]
        return [grids[grid] for grid in range(feature.needed)]

    def bare(self, feature, policy=None):
        """Returns the grids of a tensor without the zeros around it; of an image, those needed."""
        grids = self.pyramids[feature]
        if not feature.grids and feature.needed > len(grids):
            name = self.copies.name("image_pyramid")
            pyramid = ImagePyramid(
                feature.needed, data_format="channels_last", dtype=policy, name=name
            )(grids[0])
            grids.update(enumerate(pyramid[1:], start=1))
        return grids

    def whole(self, feature, policy=None):
        """Returns the grids of a tensor, with the zeros around it."""
        grids = self.bare(feature, policy)
        if feature.zeros == NO_ZEROS:
            return grids
        if feature not in self.padded:
            numbers = [grid for grid in grids if grid != MERGED]
            zeros = grid_paddings(feature.zeros, [(1, 1)] * len(numbers), (1, 1))
            zeros = {**dict(enumerate(zeros)), MERGED: zeros[0]}
            padded = {
                grid: self.with_zeros(tensor, grid, zeros[grid], feature.fill, policy)
                for grid, tensor in grids.items()
            }
            self.padded[feature] = equally_spaced(self, padded, False, "zeros", policy)
        return self.padded[feature]

    def with_zeros(self, tensor, grid, zeros, fill=0.0, policy=None):
        """Returns a map with zeros around it; on the finest grid they may be another number."""
        if zeros == NO_ZEROS:
            return tensor
        if fill and grid in (0, MERGED):
            around = [(0, 0), *zeros, (0, 0)]
            return keras.ops.pad(tensor, around, constant_values=fill)
        return keras.layers.ZeroPadding2D(
            zeros, data_format="channels_last", dtype=policy, name=self.copies.name("zeros")
        )(tensor)

    def joined(self, tensors, name, policy=None):
        """Returns the channels of several maps, or vectors, side by side."""
        name = self.copies.name(name)
        return keras.layers.Concatenate(axis=-1, dtype=policy, name=name)(tensors)

    def _build(self, step):
        output, call = step.output, step.call
        if step.kind == KEEP:
            layer = self.copies.of_grid(call, 0, 1)
            tensors = {id(tensor): self.finest(tensor) for tensor in call.inputs}
            results = keras.tree.flatten(call.repeated(layer, tensors))
            for tensor, result in zip(call.outputs, results):
                self.pyramids[self.plan.features[id(tensor)]] = {0: result}
        elif step.kind == ZEROS:
            self.pyramids[output] = self.bare(step.inputs[0], policy_of(call.layer))
        elif step.kind == MIX and self._reads_more_than_one(step):
            self.pyramids[output] = mixed(self, step)
        else:
            self.pyramids[output] = each_grid(self, step)

    def _reads_more_than_one(self, step):
        (source,) = step.inputs
        return source.needed > 1 or source.merged
