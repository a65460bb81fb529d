"""The classes of masks, found from what the masks hold."""

from keras_multigrid.datasets.class_folders import check_class_names
from keras_multigrid.datasets.masks.colour_values import (
    agreed_palette,
    is_by_colours,
    is_grey,
    labels_by_colours,
    refuse_colours,
    shown_colours,
)
from keras_multigrid.datasets.masks.index_values import IndexValues, listed
from keras_multigrid.datasets.masks.labels import MaskLabels
from keras_multigrid.datasets.masks.mask_files import GREY, LOSSY
from keras_multigrid.datasets.masks.settings import integers_of


def find_labels(contents, table=None, *, class_names=None, mask_values=None, ignore_index=None):
    """Returns the `MaskLabels` of masks.

    Args:
        contents: Mapping from the paths of masks to their `Content`s.
        table: A `ClassTable`, or None.
        class_names, mask_values, ignore_index: As for `read_mask_set`.

    Raises:
        ValueError: If a setting is wrong, or the values could be meant in several ways; the
            sentence asks for the setting that tells.
    """
    ignored = integers_of("ignore_index", ignore_index)
    wanted = integers_of("mask_values", mask_values)
    names = None if class_names is None else check_class_names(class_names)
    if table is not None and names is not None and tuple(names) != table.names:
        raise ValueError(
            f"class_names is {', '.join(names)}, and {table.path} names {', '.join(table.names)}; "
            "keep one of them."
        )
    names = names or (list(table.names) if table else None)
    in_colours = table if table is not None and table.colours else None
    _refuse_lossy(contents)
    if in_colours and not wanted and is_by_colours(contents, in_colours):
        return labels_by_colours(contents, in_colours, ignored)
    refuse_colours(contents)
    palette = agreed_palette(contents)
    found = IndexValues(contents, ignored)
    if wanted:
        names, values = _paired(names, wanted, ignored)
    elif in_colours and is_grey(contents, in_colours):
        levels = [colour // GREY for colour in in_colours.colours]
        pairs = [each for each in zip(names, levels) if each[1] not in ignored]
        names, values = zip(*pairs)
    elif names is not None:
        names, values = found.named(names)
    else:
        values = found.unnamed()
    found.refuse_others(values)
    names = names or [f"class {value}" for value in values]
    colours = [palette.get(value, colour) for value, colour in zip(values, shown_colours())]
    if in_colours:
        of_name = dict(zip(in_colours.names, in_colours.colours))
        colours = [of_name[name] for name in names]
    return MaskLabels(
        names=tuple(names), values=tuple(values), colours=tuple(colours), ignored=ignored
    )


def _paired(names, values, ignored):
    if len(values) < 2 or {*values} & {*ignored}:
        raise ValueError(
            f"mask_values is {listed(values)}; expected those of at least two classes, without "
            "those of ignore_index."
        )
    if names is not None and len(names) != len(values):
        raise ValueError(
            f"mask_values has {len(values)} values, and there are {len(names)} names of classes; "
            "expected as many."
        )
    return names, values


def _refuse_lossy(contents):
    """Refuses JPEG, which makes other labels of small numbers, too; black and white survives it."""
    lossy = [path for path in contents if path.lower().endswith(LOSSY)]
    held = {value for content in contents.values() for value in content.values.tolist()}
    if lossy and not held <= {0, 255}:
        raise ValueError(
            f"{lossy[0]} is a JPEG, which changes the values of masks; save them as PNG, made anew "
            "from what they were drawn with."
        )
