"""The page of a check: facts, problems, and a contact sheet of overlays, in one file."""

import pathlib

import numpy as np

from keras_multigrid import checks, html_page
from keras_multigrid.checking.report import Report
from keras_multigrid.datasets.class_folders import MOST_NAMED
from keras_multigrid.datasets.masks.mask_files import look_into, read_mask
from keras_multigrid.datasets.masks.mask_set import read_labels
from keras_multigrid.decoding.pixels import read_pixels
from keras_multigrid.figures.overlays import overlay, shown_image
from keras_multigrid.whole_files import whole, write_text

PAGE, SHEET = "check.html", "contact_sheet.png"
SIDE = 240  # most pixels of a picture's side
COLUMNS = 4
GAP = 8
MOST_LISTED = 200  # files of a problem


def write_page(report, folder):
    """Writes a page to look at, and the contact sheet as a picture.

    Args:
        report: A `Report`.
        folder: Path of the folder, which is made if need be.

    Returns:
        The paths of `check.html`, and of `contact_sheet.png` if there is something to show.

    Raises:
        OSError: If they cannot be written.

    Example:

    >>> import pathlib, tempfile
    >>> from keras_multigrid.checking import Problem, Report, write_page
    >>> report = Report("photos", "masks", (Problem("error", "There are no masks."),))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [page] = write_page(report, folder)
    ...     "There are no masks." in page.read_text()
    True
    """
    checks.instances(Report, report=report)
    checks.paths(folder=folder)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [(sample.name, _picture(sample, report)) for sample in report.samples]
    pictures = [(name, picture) for name, picture in pictures if picture is not None]
    write_text(folder / PAGE, _page(report, pictures))
    if not pictures:
        return [folder / PAGE]
    from PIL import Image

    with whole(folder / SHEET) as unfinished:
        Image.fromarray(_sheet([picture for _, picture in pictures])).save(unfinished, "PNG")
    return [folder / PAGE, folder / SHEET]


def _picture(sample, report):
    """Returns the image beside its overlay, small; None of files that cannot be shown."""
    try:
        image = read_pixels(sample.image)
        picture = shown_image(image, _range(image), SIDE)
        if sample.pair is None:
            return picture
        if report.labels is not None:
            labels, colours = read_labels(sample.pair, report.labels), report.labels.colours
        else:
            labels, colours = _unknown(sample.pair.mask)
        between = np.full((len(picture), GAP // 2, 3), 255, "uint8")
        return np.concatenate([picture, between, overlay(picture, labels, colours)], axis=1)
    except (ValueError, OSError):
        return None


def _unknown(path):
    """Returns labels and colours of a mask whose values are not clear: a grey for each value."""
    content = look_into(path)
    values = content.values
    stored = read_mask(path, coloured=content.coloured)
    greys = np.linspace(0, 255, max(len(values), 2)).astype(int)
    return np.searchsorted(values, stored), [grey * 0x010101 for grey in greys.tolist()]


def _range(image):
    """Returns the values that are black and white: of 8 bits as they are, of others what is."""
    if image.dtype == "uint8":
        return 0, 255
    return tuple(np.percentile(image[np.isfinite(image)], (0.5, 99.5)))


def _sheet(cells):
    """Returns one picture of all, side by side."""
    height = max(cell.shape[0] for cell in cells) + GAP
    width = max(cell.shape[1] for cell in cells) + GAP
    lines = -(-len(cells) // COLUMNS)
    sheet = np.full((lines * height + GAP, min(COLUMNS, len(cells)) * width + GAP, 3), 255, "uint8")
    for index, cell in enumerate(cells):
        line, column = divmod(index, COLUMNS)
        top, left = GAP + line * height, GAP + column * width
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return sheet


def _page(report, pictures):
    errors, warnings = report.errors, report.warnings
    parts = []
    if errors:
        parts += [
            html_page.heading(f"{len(errors)} to be mended before training"),
            *_problems(errors),
        ]
    else:
        parts.append(html_page.paragraph("Nothing that would make training wrong."))
    if warnings:
        parts += [html_page.heading("What may be wrong"), *_problems(warnings)]
    if report.facts:
        parts += [html_page.heading("What there is"), html_page.table((), report.facts)]
    if report.classes:
        parts += [html_page.heading("Classes"), *_classes(report.classes)]
    if pictures:
        parts.append(html_page.heading("Contact sheet"))
        parts.append(
            html_page.gallery([html_page.picture(image, name) for name, image in pictures])
        )
    return html_page.page(f"Check of {report.data_dir}", *parts)


def _problems(problems):
    for problem in problems:
        yield html_page.paragraph(problem.sentence)
        if len(problem.files) > MOST_NAMED:
            files = problem.files
            first = f"the first {MOST_LISTED} of " if len(files) > MOST_LISTED else ""
            yield html_page.details(f"{first}{len(files)} files", files[:MOST_LISTED])


def _classes(classes):
    """Returns the colours of the classes, if masks have them, and their numbers."""
    of_masks = classes[0].stored is not None
    header = ["class", "in files"] if of_masks else ["class"]
    for split in classes[0].shares:
        name = "" if split == "." else f" {split}"
        header += [f"{'pixels' if of_masks else 'images'}{name}", "images"]
    rows = []
    for row in classes:
        cells = [row.name, row.stored] if of_masks else [row.name]
        for split, share in row.shares.items():
            cells += [f"{share:.2%}", str(row.images[split])]
        rows.append(cells)
    if of_masks:
        names, colours = zip(*((row.name, row.colour) for row in classes))
        yield html_page.colour_key(names, colours)
    yield html_page.table(header, rows)
