"""Which pyramid each tensor of a network becomes, and which of its grids something reads."""

import dataclasses

import keras

from keras_multigrid.flipping import rules
from keras_multigrid.flipping.calls import Call
from keras_multigrid.flipping.features import Feature, fitting, half_of
from keras_multigrid.flipping.windows import NO_ZEROS, added

KEEP, ZEROS, EACH, MIX = "keep", "zeros", "each", "mix"


@dataclasses.dataclass(eq=False)
class Step:
    """A call, and how it is flipped.

    Attributes:
        call: The call.
        kind: `KEEP`, the layer stays; `ZEROS`, zeros that the next step puts around its input;
            `EACH`, each grid by itself; `MIX`, a convolution over all grids.
        inputs: The `Feature` of each tensor among the arguments.
        outputs: That of each output; what is flipped has one.
        merges: Number of the grid of the input that joins the coarsest of the output, or None.
        widened: Whether a layer of the head reads the merged channels, too.
    """

    call: Call
    kind: str
    inputs: list
    outputs: list
    merges: int | None = None
    widened: bool = False

    @property
    def output(self):
        return self.outputs[0]

    @property
    def is_needed(self):
        return any(each.needed for each in self.outputs)

    @property
    def becomes(self):
        """What calls of one layer must have in common."""
        source = self.inputs[0]
        read = min(self.output.needed + 1, source.grids)
        if self.kind != MIX or (read == 1 and not source.merged):
            return self.widened
        zeros = (source.zeros, source.fill) if self.call.layer.padding == "valid" else None
        return read, source.merged, zeros, self.output.grids


class Plan:
    """What becomes of each tensor of a network.

    Args:
        images: The symbolic inputs.
        calls: The calls, in order.
        outputs: The symbolic outputs.
        grids: Number of grids at the start.
        pyramid_outputs: Whether the last pyramid is returned instead of the outputs.

    Attributes:
        features: `Feature` of each tensor, by its address.
        steps: The steps, in order.
        last: The tensor that becomes the last pyramid.

    Raises:
        ValueError: If there is a layer that cannot be flipped.
    """

    def __init__(self, images, calls, outputs, grids, pyramid_outputs):
        self.grids, self.features, self.steps, self.last = grids, {}, [], None
        for image in images:
            self.features[id(image)] = _feature(image)
        for call in calls:
            self._add(call)
        self.start = max((each.grids for each in self.features.values()), default=0)
        if self.last is None:
            raise ValueError(
                "The model has no convolution that reads an image; expected a CNN of images."
            )
        if pyramid_outputs:
            self.features[id(self.last)].need(grids, merged=True)
        else:
            for output in outputs:
                self.features[id(output)].need(1)
        self._need()
        self._check_shared()

    def _add(self, call):
        inputs = [self.features[id(tensor)] for tensor in call.inputs]
        step = Step(call, KEEP, inputs, [_feature(tensor) for tensor in call.outputs])
        if isinstance(call.layer, keras.layers.Lambda):
            raise call.refusal(rules.reason_of(call.layer))
        if type(call.layer) is keras.layers.ZeroPadding2D and inputs[0].spatial:
            _check_data_format(call)
            self._add_zeros(step)
        elif not _is_flipped(call, inputs):
            for feature in step.outputs:
                feature.spatial = _is_spatial(call.layer, inputs, feature)
        else:
            _check(call, inputs)
            if len(step.outputs) > 1:
                raise call.refusal("it returns several tensors; expected one.")
            self._add_pyramid(step)
            if step.output.spatial:
                self.last = call.outputs[0]
        for tensor, feature in zip(call.outputs, step.outputs):
            self.features[id(tensor)] = feature
        self.steps.append(step)

    def _add_zeros(self, step):
        (source,), layer = step.inputs, step.call.layer
        step.kind, step.output.size = ZEROS, source.size
        step.output.fill = step.call.kwargs.get("constant_values") or 0.0
        if source.zeros != NO_ZEROS and source.fill != step.output.fill:
            raise step.call.refusal("it pads what is padded with another number.")
        step.output.zeros = added(source.zeros, layer.padding)
        step.output.grids, step.output.merged = source.grids, source.merged

    def _add_pyramid(self, step):
        layer, inputs, output = step.call.layer, step.inputs, step.output
        sources = [each for each in inputs if each.grids]
        output.spatial = _is_spatial(layer, inputs, output)
        output.grids = max((each.grids for each in sources), default=self.grids)
        output.merged = output.grids == 1 and any(each.merged for each in sources)
        step.kind = EACH
        if not output.spatial:
            return
        before, output.grids = output.grids, fitting(output.size, output.grids)
        if sources and sources[0].spatial and _mixes(layer):
            step.kind, output.merged = MIX, False
        elif sources and before > output.grids:
            size = half_of(output.size, output.grids - 1)
            sizes = [half_of(sources[0].size, grid) for grid in range(before)]
            step.merges = next((g for g in range(output.grids, before) if sizes[g] == size), None)
            output.merged = output.grids == 1 and step.merges is not None

    def _need(self):
        """Goes back from what is returned; layers that are called twice may need a second time."""
        shared = {}
        for step in self.steps:
            shared.setdefault(id(step.call.layer), []).append(step.output)
        before = None
        while before != (now := [(f.needed, f.merged_needed) for f in self.features.values()]):
            before = now
            for step in reversed(self.steps):
                if step.kind == MIX and step.output.needed:
                    most = max(each.needed for each in shared[id(step.call.layer)])
                    step.output.need(most)
                if step.is_needed:
                    self._need_inputs(step)

    def _need_inputs(self, step):
        output, sources = step.output, step.inputs
        if step.kind == MIX:
            sources[0].need(output.needed + 1, merged=True)
            return
        grids, merged = output.needed, output.merged_needed
        if step.merges is not None and grids == output.grids and (grids > 1 or merged):
            grids = step.merges + 1
        if step.kind == EACH and _is_head_layer(step) and output.needed < 2 and not merged:
            step.widened = merged = sources[0].merged
        elif step.kind == EACH:
            step.widened = False
        for source in sources:
            source.need(1 if step.kind == KEEP else grids, merged)

    def _check_shared(self):
        """Refuses layers that are called twice, and would have to become two with one's weights."""
        first = {}
        for step in self.steps:
            if step.is_needed and step.kind != ZEROS and getattr(step.call.layer, "weights", ()):
                becomes = step.becomes
                if first.setdefault(id(step.call.layer), becomes) != becomes:
                    raise step.call.refusal(
                        "it is called twice, on pyramids of several kinds; make it two layers."
                    )


def _feature(tensor):
    shape = tuple(tensor.shape)
    size = shape[1:3] if len(shape) == 4 else ()
    return Feature(size, spatial=len(shape) == 4)


def _is_flipped(call, inputs):
    """Whether a call becomes one over pyramids.

    It is if it reads one, or is the convolution that makes the first. Of the vectors that pooling
    makes of each grid, the finest's alone is read by what is not known, turns them into maps, or
    joins them to others.
    """
    if not any(each.grids for each in inputs):
        kinds = (*rules.CONVOLUTIONS, keras.layers.DepthwiseConv2D)
        return type(call.layer) in kinds and inputs[0].spatial
    if any(each.grids and each.spatial for each in inputs):
        return True
    is_reshape = type(call.layer) is keras.layers.Reshape
    if is_reshape and sum(side != 1 for side in call.layer.target_shape) > 1:
        return False
    return rules.rule_of(call.layer) is not None and all(each.grids for each in inputs)


def _check(call, inputs):
    """Raises a `ValueError` for what cannot read a pyramid."""
    layer, rule = call.layer, rules.rule_of(call.layer)
    maps = any(each.grids and each.spatial for each in inputs)
    if (rule is None or isinstance(layer, keras.layers.Reshape)) and maps:
        raise call.refusal(rules.reason_of(layer))
    if getattr(layer, "quantization_mode", None) is not None:
        raise call.refusal("it is quantized; flip the network first and quantize it then.")
    _check_data_format(call)
    several = len({each.grids for each in inputs}) > 1
    if several and not rules.is_join(layer):
        raise call.refusal("it reads pyramids of several numbers of grids; expected as many.")
    rank = len(call.inputs[0].shape)
    if type(layer).__name__ == "Concatenate" and layer.axis not in (-1, rank - 1):
        raise call.refusal(f"it joins along axis {layer.axis}; expected the channels, -1.")
    if any(map(_is_constant_of_several, [*call.args, *call.kwargs.values()])):
        raise call.refusal("it reads a constant of several numbers; expected one number.")
    if len(inputs) > 1 and any(not each.grids and not each.spatial for each in inputs):
        raise call.refusal(
            "it joins maps with a vector that is not one for each grid; teach flip the layers "
            "before it with kmg.flip.register."
        )


def _is_constant_of_several(argument):
    if any(map(keras.backend.is_keras_tensor, keras.tree.flatten(argument))):
        return False
    return bool(getattr(argument, "shape", None)) or isinstance(argument, list | tuple)


def _check_data_format(call):
    if getattr(call.layer, "data_format", None) == "channels_first":
        raise call.refusal("its channels come first; expected data_format='channels_last'.")


def _is_spatial(layer, inputs, output):
    """Whether a layer makes maps: of vectors it does if it enlarges them or joins them to maps."""
    if isinstance(layer, rules.GLOBAL_POOLS) or not output.spatial:
        return False
    return any(each.spatial for each in inputs) or tuple(output.size) != (1, 1)


def _mixes(layer):
    """Whether a layer reads the neighbouring grids, too: `MultigridConv2D` takes squares."""
    if type(layer) not in rules.CONVOLUTIONS or layer.groups > 1:
        return False
    return all(
        len(set(pair)) == 1 for pair in (layer.kernel_size, layer.strides, layer.dilation_rate)
    )


def _is_head_layer(step):
    kinds = (keras.layers.Dense, *rules.CONVOLUTIONS)
    return type(step.call.layer) in kinds and len(step.inputs) == 1 and not step.inputs[0].spatial
