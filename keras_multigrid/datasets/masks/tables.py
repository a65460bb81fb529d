"""CSV files that name images and their masks."""

import csv
import pathlib

from keras_multigrid.datasets.class_folders import composed, printable
from keras_multigrid.datasets.masks.layouts import SPLIT_FOLDERS

COLUMNS = ("image", "mask", "split", "group", "field_of_view")
PATHS = ("image", "mask", "field_of_view")


def read_table(path):
    """Returns the fields of a `Pair` for each row of a CSV file; paths are relative to its folder.

    Raises:
        ValueError: If it is not such a table, or names what is not there.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file in UTF-8; expected a CSV file.") from error
    lines = text.splitlines()
    delimiter = next((each for each in ",;\t" if each in (lines or [""])[0]), ",")
    reader = csv.DictReader(lines, delimiter=delimiter)
    columns = [column.strip().casefold() for column in reader.fieldnames or ()]
    unknown = [column for column in columns if column not in COLUMNS]
    if unknown or not {"image", "mask"} <= {*columns}:
        raise ValueError(
            f"{path} has the columns {','.join(columns)}; expected image,mask and if need be "
            "split, group and field_of_view."
        )
    reader.fieldnames = columns
    rows = [_row(path, number, row) for number, row in enumerate(reader, 2)]
    if not rows:
        raise ValueError(f"{path} has no rows; expected an image and its mask in each.")
    for column in ("image", "mask"):
        _refuse_repeated(path, column, rows)
    _refuse_names(path, rows)
    for column in ("split", "group"):
        given = {row[column] is None for row in rows}
        if len(given) > 1:
            raise ValueError(f"{path} lacks the {column} of some rows; give all, or none.")
    return rows


def _row(path, number, row):
    values = {name: (row.get(name) or "").strip() or None for name in COLUMNS}
    if values["image"] is None or None in row:
        raise ValueError(f"{path}, line {number}: expected {','.join(row.keys() - {None})}.")
    split = values["split"]
    if split is not None:
        if split.casefold() not in SPLIT_FOLDERS:
            raise ValueError(
                f"{path}, line {number}: the split is {split!r}; expected train, validation or "
                "test."
            )
        values["split"] = SPLIT_FOLDERS[split.casefold()]
    image = pathlib.PurePath(values["image"]).with_suffix("")
    name = "/".join(part for part in image.parts if part not in (image.anchor, ".."))
    for column in PATHS:
        if values[column] is not None:
            file = path.parent / values[column]
            if not file.is_file():
                raise ValueError(f"{path}, line {number}: there is no {column} {file}.")
            values[column] = str(file)
    return {**values, "name": printable(composed(name))}


def _refuse_repeated(path, column, rows):
    seen = set()
    for row in rows:
        if row[column] in seen:
            raise ValueError(f"{path} names the {column} {row[column]} twice; expected once.")
        seen.update({row[column]} - {None})


def _refuse_names(path, rows):
    seen = {}
    for row in rows:
        if row["name"] in seen:
            raise ValueError(
                f"{path} has {seen[row['name']]} and {row['image']}, which differ in their suffix "
                "alone; rename one."
            )
        seen[row["name"]] = row["image"]
