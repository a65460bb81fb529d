"""The classes of masks, found from what the masks hold; what is not clear is asked back."""

import pathlib
import warnings

from keras_multigrid.datasets.class_folders import check_class_names, some
from keras_multigrid.datasets.masks.labels import MaskLabels
from keras_multigrid.datasets.masks.mask_files import GREY, LOSSY
from keras_multigrid.type_hints import is_integer

BINARY = ((0, 1), (0, 255))
MANY = 16  # values with gaps among them: no longer those of classes
MOST_UNNAMED = 255
MEANINGLESS = ("void", "ignore", "ignored", "unlabeled", "unlabelled", "__ignore__", "_ignore_")


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
    ignored = _integers("ignore_index", ignore_index)
    wanted = _integers("mask_values", mask_values)
    names = None if class_names is None else check_class_names(class_names)
    if table is not None and names is not None and tuple(names) != table.names:
        raise ValueError(
            f"class_names is {', '.join(names)}, and {table.path} names {', '.join(table.names)}; "
            "keep one of them."
        )
    names = names or (list(table.names) if table else None)
    _refuse_lossy(contents)
    if table is not None and table.colours and not wanted and _is_by_colours(contents, table):
        return _by_colours(contents, table, ignored)
    _refuse_colours(contents)
    palette = _palette(contents)
    found = _Found(contents, ignored)
    if wanted:
        values = wanted
        if names is not None and len(names) != len(values):
            raise ValueError(
                f"mask_values has {len(values)} values, and there are {len(names)} names of "
                "classes; expected as many."
            )
    elif table is not None and table.colours and _is_grey(contents, table):
        values = tuple(colour // GREY for colour in table.colours)
        names = [name for name, value in zip(names, values) if value not in ignored]
        values = tuple(value for value in values if value not in ignored)
    elif names is not None:
        names, values = found.named(names)
    else:
        values = found.unnamed()
    found.refuse_others(values)
    missing = [value for value in values if value not in found.values]
    names = names or [f"class {value}" for value in values]
    if missing:
        absent = some([name for name, value in zip(names, values) if value in missing], 20)
        warnings.warn(f"no mask has the classes {absent}; they are kept", stacklevel=2)
    colours = [palette.get(value, colour) for value, colour in zip(values, shown_colours())]
    if table is not None and table.colours:
        by_name = dict(zip(table.names, table.colours))
        colours = [by_name[name] for name in names]
    return MaskLabels(names=tuple(names), values=values, colours=tuple(colours), ignored=ignored)


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


class _Found:
    """The values of masks of indices, without those that do not count."""

    def __init__(self, contents, ignored):
        self.contents, self.ignored = contents, ignored
        totals = {}
        for content in contents.values():
            for value, count in zip(content.values.tolist(), content.counts.tolist()):
                totals[value] = totals.get(value, 0) + count
        self.values = {value: totals[value] for value in sorted(totals) if value not in ignored}
        unused = [value for value in ignored if value not in totals]
        if unused:
            warnings.warn(f"no mask has the ignore_index {_text(unused)}", stacklevel=3)

    def named(self, names):
        """Returns the names and the values of classes that have names, numbered by them."""
        shifted, number = [], 0
        while len(shifted) < len(names):
            if number not in self.ignored:
                shifted.append(number)
            number += 1
        including = [(name, index) for index, name in enumerate(names) if index not in self.ignored]
        largest = max(self.values, default=0)
        if len(including) == len(names) or largest == shifted[-1]:
            values = tuple(shifted)
        elif all(names[i].casefold() in MEANINGLESS for i in self.ignored if i < len(names)):
            return [name for name, _ in including], tuple(index for _, index in including)
        else:
            raise ValueError(
                f"There are {len(names)} names of classes, and ignore_index is "
                f"{_text(self.ignored)}; whether {names[self.ignored[0]]} is its name is not "
                f"clear: leave the name out, or give --set mask_values={_text(shifted)}."
            )
        if values == (0, 1) and largest == 255 and {*self.values} <= {0, 255}:
            values = (0, 255)
        if {*self.values} <= {0, 255} and largest == 255 and len(names) > 2:
            raise ValueError(
                f"The masks hold 0 and 255 alone, two classes, and there are {len(names)} names of "
                "classes; give two names, or masks that hold the numbers of all."
            )
        return names, values

    def unnamed(self):
        """Returns the values of classes without names, if they are clear."""
        values = tuple(self.values)
        if len(values) < 2:
            held = f"{values[0]} alone" if values else "nothing that counts"
            raise ValueError(
                f"The masks hold {held}; expected at least two classes: look whether they are the "
                f"right files{', and at ignore_index' if self.ignored else ''}."
            )
        if values in BINARY:
            return values
        if values == tuple(range(len(values))):
            if len(values) > MOST_UNNAMED:
                raise ValueError(
                    f"The masks hold the values 0 to {values[-1]}, which may be numbers of objects "
                    "in place of classes; if they are classes, name them in classes.txt, one a line."
                )
            return values
        self._refuse_smoothed(values)
        raise ValueError(f"The masks hold {self._shown(values)}, {self._question(values)}.")

    def refuse_others(self, values):
        """Raises a `ValueError` if masks hold other values than the classes."""
        others = [value for value in self.values if value not in values]
        if not others:
            return
        self._refuse_smoothed(others)
        files = [path for path, content in self.contents.items() if {*content.values} & {*others}]
        advice = "correct the masks, or name all classes"
        if len(others) == 1:
            advice = f"if it does not count, give --set ignore_index={others[0]}; else {advice}"
        raise ValueError(
            f"The masks hold {self._shown(others)}, and the classes have the values "
            f"{_text(values, 20)}: {some(files)}; {advice}."
        )

    def _question(self, values):
        last = values[-1]
        if values[:-1] == tuple(range(len(values) - 1)):
            return (
                f"where {last} may be what does not count, or a class; give --set "
                f"ignore_index={last}, or --set mask_values={_text(values)}"
            )
        if values == tuple(range(1, last + 1)):
            return (
                f"and no 0; give --set mask_values={_text(values)} if these are all classes, or "
                "name the classes from 0 on in classes.txt, one a line"
            )
        return (
            f"with gaps between them; give --set mask_values={_text(values)} if each is a class, "
            "--set ignore_index=VALUE for one that does not count, or name the classes from 0 on "
            "in classes.txt, one a line"
        )

    def _refuse_smoothed(self, values):
        if len(values) > MANY:
            files = {
                path: len({*content.values} & {*values}) for path, content in self.contents.items()
            }
            worst = sorted(files, key=files.get, reverse=True)
            counts = sorted(self.values.items(), key=lambda item: item[1], reverse=True)
            share = sum(count for _, count in counts[:2]) / sum(self.values.values())
            raise ValueError(
                f"The masks hold {len(self.values)} values, from {min(values)} to {max(values)}, "
                f"and {share:.0%} of the pixels are {counts[0][0]} or {counts[1][0]}: they look "
                f"smoothed (anti-aliased, resized or once JPEG), such as {some(worst, 3)}; save "
                "them anew with the values of the classes alone."
            )

    def _shown(self, values):
        files = len(self.contents)
        texts = [
            f"{value} (in {sum(value in content.values for content in self.contents.values())} of "
            f"{files} files)"
            for value in list(values)[:8]
        ]
        return "the values " + ", ".join(texts) + (" and so on" if len(values) > 8 else "")


def _by_colours(contents, table, ignored):
    if any(not 0 <= index < len(table.names) for index in ignored):
        raise ValueError(
            f"ignore_index is {_text(ignored)}; expected the number of a line in {table.path}, "
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


def _is_by_colours(contents, table):
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


def _is_grey(contents, table):
    """Returns whether a table has levels of grey, and the masks hold these."""
    levels = {colour // GREY for colour in table.colours if colour % GREY == 0}
    held = {value for content in contents.values() for value in content.values.tolist()}
    plain = all(content.palette is None for content in contents.values())
    return plain and len(levels) == len(table.colours) and held <= levels


def _palette(contents):
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


def _refuse_colours(contents):
    coloured = [path for path, content in contents.items() if content.coloured]
    if not coloured:
        return
    colours = sorted({each for path in coloured for each in contents[path].values.tolist()})
    shown = some([f"#{colour:06x}" for colour in colours])
    many = "; they look smoothed (anti-aliased, resized or once JPEG)" if len(colours) > 256 else ""
    raise ValueError(
        f"{len(coloured)} masks hold colours, such as {pathlib.Path(coloured[0])}, and no file "
        f"says which class each is: {shown}{many}; write classes.csv into the data's folder, a "
        "line name,r,g,b for each class."
    )


def _refuse_lossy(contents):
    for path, content in contents.items():
        if path.lower().endswith(LOSSY) and len(content.values) > 2:
            raise ValueError(
                f"{path} is a JPEG, which changes values: it holds {len(content.values)}; save "
                "masks as PNG, made anew from what they were drawn with."
            )


def _integers(name, value):
    """Returns a setting as a tuple of integers; None is an empty one."""
    values = () if value is None else value if isinstance(value, list | tuple) else (value,)
    if not all(is_integer(each) and each >= 0 for each in values) or len({*values}) < len(values):
        raise ValueError(f"{name} is {value!r}; expected an integer from 0 on, or several.")
    return tuple(int(each) for each in values)


def _text(values, most=255):
    values = list(values)
    return ",".join(map(str, values[:most])) + (" and so on" if len(values) > most else "")
