"""Files that name the classes of masks: labelmap.txt, classes.csv, class_dict.csv, classes.txt."""

import csv
import dataclasses
import pathlib

TABLES = ("labelmap.txt", "classes.csv", "class_dict.csv", "classes.txt")


@dataclasses.dataclass(frozen=True)
class ClassTable:
    """Classes as a file names them.

    Attributes:
        path: Of the file.
        names: Of the classes, in the file's order.
        colours: `0xRRGGBB` of each, or None.
    """

    path: str
    names: tuple[str, ...]
    colours: tuple[int, ...] | None = None


def find_class_table(data_dir):
    """Returns the `ClassTable` of a folder, or of that of a CSV file; None if it has none.

    Raises:
        ValueError: If it has two, or one is wrong.
    """
    folder = pathlib.Path(data_dir)
    folder = folder if folder.is_dir() else folder.parent
    paths = [folder / name for name in TABLES if (folder / name).is_file()]
    if not paths:
        return None
    if len(paths) > 1:
        raise ValueError(f"{paths[0]} and {paths[1]} both name classes; keep one of them.")
    (path,) = paths
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file in UTF-8.") from error
    read = {"labelmap.txt": _label_map, "classes.txt": _names}.get(path.name, _csv)
    return _checked(path, read(path, [line.strip() for line in lines]))


def _label_map(path, lines):
    """Reads CVAT's `name:r,g,b:parts:actions`."""
    rows = []
    for line in lines:
        if line and not line.startswith("#"):
            name, _, rest = line.partition(":")
            rows.append((name, _colour(path, line, rest.partition(":")[0].split(","))))
    return rows


def _csv(path, lines):
    """Reads `name,r,g,b` with or without a header."""
    rows = []
    for row in csv.reader(filter(None, lines)):
        numbers = [entry.strip() for entry in row[1:4]]
        is_header = not rows and not any(number.isdigit() for number in numbers)
        if len(row) >= 4 and is_header:
            continue
        rows.append((row[0].strip(), _colour(path, ",".join(row), numbers)))
    return rows


def _names(path, lines):
    return [(line, None) for line in lines if line]


def _colour(path, line, numbers):
    try:
        red, green, blue = (int(number) for number in numbers)
        if not all(0 <= number <= 255 for number in (red, green, blue)):
            raise ValueError
    except ValueError:
        raise ValueError(
            f"{path} has the line {line!r}; expected a name and a colour, such as "
            + ("road:128,64,128::." if path.suffix == ".txt" else "road,128,64,128.")
        ) from None
    return red << 16 | green << 8 | blue


def _checked(path, rows):
    names, colours = [name for name, _ in rows], [colour for _, colour in rows]
    if not all(names) or len(set(names)) < max(len(names), 1):
        raise ValueError(
            f"{path} names {', '.join(names) or 'no classes'}; expected different names."
        )
    if None in colours:
        return ClassTable(str(path), tuple(names))
    if len(set(colours)) < len(colours):
        raise ValueError(f"{path} has one colour for two classes; expected different ones.")
    return ClassTable(str(path), tuple(names), tuple(colours))
