"""The classes of masks that hold colours, or numbers with a palette."""

from keras_multigrid.datasets.class_folders import some
from keras_multigrid.datasets.masks.index_values import MANY, listed
from keras_multigrid.datasets.masks.labels import MaskLabels
from keras_multigrid.datasets.masks.mask_files import GREY


def is_by_colours(contents, table):
    """Returns whether masks are to be read by their colours: if a palette differs, too."""
    if any(content.coloured for content in contents.values()):
        return True
    palettes = [content.palette for content in contents.values() if content.palette is not None]
    numbered = dict(enumerate(table.colours))
    return any(
        colour in table.colours and numbered.get(index) != colour
        for palette in palettes
        for index, colour in palette.items()
    )


def labels_by_colours(contents, table, ignored):
    if any(not 0 <= index < len(table.names) for index in ignored):
        raise ValueError(
            f"ignore_index is {listed(ignored)}; expected the number of a line in {table.path}, "
            f"from 0 to {len(table.names) - 1}."
        )
    unknown = {}
    for path, content in contents.items():
        for colour in {*content.as_colours().tolist()} - {*table.colours}:
            unknown.setdefault(colour, []).append(path)
    if unknown:
        files = sorted({path for paths in unknown.values() for path in paths})
        smoothed = (
            "; they look smoothed (anti-aliased, resized or once JPEG): save them anew with the "
            "colours of the classes alone"
            if len(unknown) > MANY
            else f"; add them to {table.path}, or correct the masks"
        )
        raise ValueError(
            f"The masks hold {len(unknown)} colours that are not in {table.path}: "
            f"{some([f'#{colour:06x}' for colour in sorted(unknown)])}, in {some(files)}{smoothed}."
        )
    rows = [index for index in range(len(table.names)) if index not in ignored]
    return MaskLabels(
        names=tuple(table.names[index] for index in rows),
        values=tuple(table.colours[index] for index in rows),
        colours=tuple(table.colours[index] for index in rows),
        ignored=tuple(table.colours[index] for index in ignored),
        coloured=True,
    )


def is_grey(contents, table):
    """Returns whether a table has levels of grey, and the masks hold these."""
    levels = {colour // GREY for colour in table.colours if colour % GREY == 0}
    held = {value for content in contents.values() for value in content.values.tolist()}
    plain = all(content.palette is None for content in contents.values())
    return plain and len(levels) == len(table.colours) and held <= levels


def agreed_palette(contents):
    """Returns the colours of indices, on which all palettes agree."""
    agreed, first = {}, {}
    for path, content in contents.items():
        for index, colour in (content.palette or {}).items():
            if agreed.setdefault(index, colour) != colour:
                raise ValueError(
                    f"{first[index]} and {path} have palettes in which {index} is #"
                    f"{agreed[index]:06x} and #{colour:06x}; name the colours of the classes in "
                    "classes.csv (name,r,g,b), or save the masks with one palette."
                )
            first.setdefault(index, path)
    return agreed


def refuse_colours(contents):
    coloured = [path for path, content in contents.items() if content.coloured]
    if not coloured:
        return
    colours = sorted({each for path in coloured for each in contents[path].values.tolist()})
    shown = some([f"#{colour:06x}" for colour in colours])
    many = "; they look smoothed (anti-aliased, resized or once JPEG)" if len(colours) > 256 else ""
    raise ValueError(
        f"{len(coloured)} masks hold colours, such as {coloured[0]}, and no file "
        f"says which class each is: {shown}{many}; write classes.csv into the data's folder, a "
        "line name,r,g,b for each class."
    )


def shown_colours():
    """Yields distinct colours, without end: those of PASCAL VOC, of which the first is black."""
    number = 0
    while True:
        red = green = blue = 0
        for bit in range(8):
            red |= (number >> 3 * bit & 1) << 7 - bit
            green |= (number >> 3 * bit + 1 & 1) << 7 - bit
            blue |= (number >> 3 * bit + 2 & 1) << 7 - bit
        yield red << 16 | green << 8 | blue
        number += 1
