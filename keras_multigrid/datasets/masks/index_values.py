"""The classes of masks that hold numbers; what is not clear is asked back."""

import warnings

from keras_multigrid.datasets.class_folders import some

BINARY = ((0, 1), (0, 255))
MANY = 16  # values with gaps among them: no longer those of classes
MOST_UNNAMED = 255
MEANINGLESS = ("void", "ignore", "ignored", "unlabeled", "unlabelled", "__ignore__", "_ignore_")


class IndexValues:
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
            warnings.warn(f"No mask has the ignore_index {listed(unused)}.", stacklevel=3)

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
            meant = next(names[index] for index in self.ignored if index < len(names))
            raise ValueError(
                f"There are {len(names)} names of classes, and ignore_index is "
                f"{listed(self.ignored)}; whether {meant} is its name is not "
                f"clear: leave the name out, or give --set mask_values={listed(shifted)}."
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
                    "in place of classes; if they are classes, name them in classes.txt, one a "
                    "line."
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
            f"{listed(values, 20)}: {some(files)}; {advice}."
        )

    def _question(self, values):
        last = values[-1]
        if self._never_together(1, 255) and {*values} <= {0, 1, 255}:
            return (
                "and no file holds both 1 and 255: some masks seem to be 0 and 1, others 0 and "
                "255; write all alike"
            )
        if values[:-1] == tuple(range(len(values) - 1)):
            return (
                f"where {last} may be what does not count, or a class; give --set "
                f"ignore_index={last}, or --set mask_values={listed(values)}"
            )
        if values == tuple(range(1, last + 1)):
            return (
                f"and no 0; give --set mask_values={listed(values)} if these are all classes, or "
                "name the classes from 0 on in classes.txt, one a line"
            )
        return (
            f"with gaps between them; give --set mask_values={listed(values)} if each is a class, "
            "--set ignore_index=VALUE for one that does not count, or name the classes from 0 on "
            "in classes.txt, one a line"
        )

    def _never_together(self, *values):
        return not any(
            {*values} <= {*content.values.tolist()} for content in self.contents.values()
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


def listed(values, most=255):
    """Returns values as a setting takes them."""
    values = list(values)
    return ",".join(map(str, values[:most])) + (" and so on" if len(values) > most else "")
