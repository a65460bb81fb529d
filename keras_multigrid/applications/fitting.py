"""Weights into a network they were not quite made for, or a sentence on why they do not fit."""

import numpy as np

from keras_multigrid.applications.weight_files import variables_by_name

# The layers of `include_top` in all networks, Keras' own included: what depends on the classes.
# The shortcut of a residual output has weights only where the classes are fewer than the channels.
HEAD = frozenset(
    """logits output_conv output_bn dense1 dense2 classification predictions fc1 fc2 output_1_conv
    output_1_bn output_2_conv output_2_bn output_shortcut_0_conv output_shortcut_0_bn""".split()
)


def load_arrays(model, arrays, origin):
    """Gives a model weights: all of them, or none if one does not fit.

    The head is left out if the number of classes differs, and kernels that read the image are
    adapted if its channels differ: each channel gets the mean over the old ones, scaled so that a
    grey image gives what it gave. A line is printed about either.

    Args:
        model: A built `keras.Model`.
        arrays: Dictionary of arrays by name, as of `read_weights`.
        origin: What to call them in messages.

    Returns:
        The list of the variables that were loaded.

    Raises:
        ValueError: If they do not fit; the message names the argument of the constructor.
    """
    variables = variables_by_name(model)
    head, body = _parts(variables)
    given_head, given_body = _parts(arrays)
    _check_same(body, given_body, variables, arrays, model, origin)
    adapted = _adapted(body, variables, arrays, model, origin)
    loaded = [*body, *head] if _head_fits(head, given_head, variables, arrays, origin) else body
    for name in loaded:
        variable = variables[name]
        variable.assign(np.asarray(adapted.get(name, arrays[name])).astype(variable.dtype))
    return [variables[name] for name in loaded]


def _parts(names):
    """Returns the names of the head's weights, and those of all others."""
    head = [name for name in names if name.partition("/")[0] in HEAD]
    return head, [name for name in names if name.partition("/")[0] not in HEAD]


def _check_same(body, given, variables, arrays, model, origin):
    missing = [name for name in body if name not in arrays]
    excess = [name for name in given if name not in variables]
    if missing or excess:
        what = f"no {_layer(missing[0])!r}" if missing else f"{_layer(excess[0])!r}, too"
        raise ValueError(
            f"{origin} do not fit {model.name}: they have {what}. They are of another network, or "
            "of one with other repeats or another number of channel_ratios; give those to the "
            "constructor."
        )


def _adapted(body, variables, arrays, model, origin):
    """Returns the kernels that read an image of other channels, by name, or raises."""
    shapes = {
        name: (arrays[name].shape, tuple(variables[name].shape))
        for name in body
        if arrays[name].shape != tuple(variables[name].shape)
    }
    if not shapes:
        return {}
    # If all layers give as many channels as before, only readers of the image can take others.
    changes = {(*old[2:3], *new[2:3]) for old, new in shapes.values()}
    if len(changes) > 1 or not all(_differ_in_inputs(*pair) for pair in shapes.values()):
        raise ValueError(_misfit(body, shapes, variables, arrays, model, origin))
    ((old, new),) = changes
    layers = ", ".join(map(_layer, shapes))
    print(
        f"{origin} are for images of {old} channels, not {new}: {layers} read the mean of their "
        f"kernels over the channels, times {old}/{new}."
    )
    return {
        name: np.repeat(arrays[name].astype("float32").mean(2, keepdims=True) * old / new, new, 2)
        for name in shapes
    }


def _differ_in_inputs(old, new):
    return len(old) == len(new) == 4 and (*old[:2], old[3]) == (*new[:2], new[3])


def _misfit(body, shapes, variables, arrays, model, origin):
    """Returns the sentence on weights of other shapes."""
    name, (old, new) = next(iter(shapes.items()))
    example = f"{_layer(name)!r} has the shape {old} there and {new} here"
    widths = [
        (arrays[name].shape[0], variables[name].shape[0])
        for name in body
        if arrays[name].ndim == variables[name].ndim == 1
    ]
    if all(there == here for there, here in widths):
        return f"{origin} are of another network than {model.name}: {example}."
    most = max(widths)
    factor = most[0] / most[1]
    # A factor on all widths, but for rounding to whole channels?
    if all(abs(there - factor * here) <= (1 + factor) / 2 for there, here in widths):
        return (
            f"width_multiplier does not fit {origin}, which are {factor:.3g} times as wide as "
            f"{model.name} here: {example}. Multiply it by that."
        )
    return (
        f"channel_ratios do not fit {origin}, or width_multiplier does not either, or they are not "
        f"of {model.name}: {example}. Give the constructor what they were trained with."
    )


def _head_fits(head, given, variables, arrays, origin):
    """Returns whether to load the head; says so if it is left out for other classes."""
    if not head:
        return False
    if not given:
        raise ValueError(
            f"{origin} have no output layer ({_layer(head[0])}), as of include_top=False; load "
            "them with include_top=False and put your own layers on top."
        )
    here = {name: tuple(variables[name].shape) for name in head}
    there = {name: arrays[name].shape for name in given}
    if here == there:
        return True
    classes, before = _classes(here), _classes(there)
    if classes == before:
        raise ValueError(
            f"{origin} are of another network: the output layers are {sorted(there)} there, "
            f"{sorted(here)} here."
        )
    layers = ", ".join(dict.fromkeys(name.partition("/")[0] for name in head))
    print(
        f"{origin} are for {before} classes, not {classes}: the head ({layers}) is left out and "
        "starts anew."
    )
    return False


def _classes(shapes):
    """Returns the number of classes that a head of these shapes gives: its last layer's width."""
    return [shape[0] for shape in shapes.values() if len(shape) == 1][-1]


def _layer(name):
    return name.rpartition("/")[0]
