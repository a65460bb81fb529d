"""A CSV file whose rows are kept as they come, whatever ends the process."""

import csv
import io
import pathlib

from keras_multigrid.datasets.class_folders import printable
from keras_multigrid.whole_files import write_text


class Table:
    """Rows about images.

    Args:
        path: Path of the CSV file; what is in it is kept.
        header: Names of the columns, the first the image's.
        each: Number of rows of an image.
        without: Names of images whose rows are removed.

    Raises:
        ValueError: If the file has other columns.
    """

    def __init__(self, path, header, each=1, without=()):
        self._path, rows = pathlib.Path(path), {}
        for row in self._read(list(header)):
            rows.setdefault(row[0], []).append(row)
        removed = {*map(_text, without)}
        kept = {
            name: of_one
            for name, of_one in rows.items()
            if name not in removed and len(of_one) == each  # the last may be cut
        }
        self._images = {*kept}
        write_text(self._path, _as_text([header, *(row for rows in kept.values() for row in rows)]))

    def __contains__(self, image):
        return _text(image) in self._images

    def add(self, image, rows):
        """Appends the rows of an image, lists of the other columns."""
        name = _text(image)
        self._images.add(name)
        with open(self._path, "a", encoding="utf-8", newline="") as file:
            file.write(_as_text([name, *row] for row in rows))

    def _read(self, header):
        if not self._path.exists():
            return []
        with open(self._path, encoding="utf-8", newline="") as file:
            text = file.read()
        whole_lines = io.StringIO(text[: text.rfind("\n") + 1], newline="")
        first, *rows = [*csv.reader(whole_lines)] or [header]
        if first != header:
            raise ValueError(
                f"{self._path} has the columns {', '.join(first)}; expected {', '.join(header)}. "
                "Name another folder with --output."
            )
        return rows


def _text(image):
    return printable(str(image))


def _as_text(rows):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(
        [printable(each) if isinstance(each, str) else each for each in row] for row in rows
    )
    return file.getvalue()
