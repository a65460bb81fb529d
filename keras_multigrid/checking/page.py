"""The page of a check: facts, problems, and a contact sheet of overlays, in one file."""

import base64
import html
import io
import pathlib

import numpy as np

from keras_multigrid import checks
from keras_multigrid.checking.report import Report
from keras_multigrid.datasets.class_folders import MOST_NAMED, printable
from keras_multigrid.datasets.masks.mask_files import look_into, read_mask
from keras_multigrid.datasets.masks.mask_set import read_labels
from keras_multigrid.decoding.pixels import read_pixels
from keras_multigrid.figures.overlays import overlay, shown_image
from keras_multigrid.whole_files import whole, write_text

PAGE, SHEET = "check.html", "contact_sheet.png"
SIDE = 240  # most pixels of a picture's side
COLUMNS = 4
GAP = 8
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem;
  color: #222; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.swatch { display: inline-block; width: .9em; height: .9em; border: 1px solid #888;
  vertical-align: -.1em; margin-right: .4em }
li { margin: .4rem 0; overflow-wrap: anywhere } .error b { color: #b00020 }
.warning b { color: #8a5a00 } .good { color: #146c2e }
.sheet { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0; max-width: 100% }
figure img { display: inline-block; max-width: 100%; vertical-align: top }
figcaption { font-size: .85rem; color: #555; overflow-wrap: anywhere }
details { margin: .2rem 0; color: #555; font-size: .85rem }
"""


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
    pictures = [(sample.name, _pictures(sample, report)) for sample in report.samples]
    pictures = [(name, both) for name, both in pictures if both]
    write_text(folder / PAGE, _page(report, pictures))
    if not pictures:
        return [folder / PAGE]
    from PIL import Image

    with whole(folder / SHEET) as unfinished:
        Image.fromarray(_sheet([both for _, both in pictures])).save(unfinished, "PNG")
    return [folder / PAGE, folder / SHEET]


def _pictures(sample, report):
    """Returns the image and its overlay, small; nothing of files that cannot be shown."""
    try:
        image = read_pixels(sample.image)
        picture = shown_image(image, _range(image), SIDE)
        if sample.pair is None:
            return [picture]
        if report.labels is not None:
            labels, colours = read_labels(sample.pair, report.labels), report.labels.colours
        else:
            labels, colours = _unknown(sample.pair.mask)
        return [picture, overlay(picture, labels, colours)]
    except (ValueError, OSError):
        return []


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


def _sheet(rows):
    """Returns one picture of all, side by side."""
    cells = [np.concatenate(_padded(both), axis=1) for both in rows]
    height = max(cell.shape[0] for cell in cells) + GAP
    width = max(cell.shape[1] for cell in cells) + GAP
    lines = -(-len(cells) // COLUMNS)
    sheet = np.full((lines * height + GAP, min(COLUMNS, len(cells)) * width + GAP, 3), 255, "uint8")
    for index, cell in enumerate(cells):
        line, column = divmod(index, COLUMNS)
        top, left = GAP + line * height, GAP + column * width
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return sheet


def _padded(pictures):
    return [np.pad(each, ((0, 0), (0, 2), (0, 0)), constant_values=255) for each in pictures]


def _page(report, pictures):
    title = html.escape(printable(f"Check of {report.data_dir}"))
    verdict = (
        f"<p class=error><b>{len(report.errors)} to be mended before training.</b></p>"
        if report.errors
        else "<p class=good>Nothing that would make training wrong.</p>"
    )
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>",
        "<meta name=viewport content='width=device-width'>",
        f"<style>{STYLE}</style><h1>{title}</h1>{verdict}",
        _problems(report.problems),
        _facts(report.facts),
        _classes(report.classes),
    ]
    if pictures:
        parts.append("<h2>Contact sheet</h2><div class=sheet>")
        parts += [_figure(name, both) for name, both in pictures]
        parts.append("</div>")
    return "\n".join(filter(None, parts)) + "\n"


def _problems(problems):
    items = []
    for problem in problems:
        files = "".join(f"<br>{_text(path)}" for path in problem.files[:200])
        more = f"<details><summary>{len(problem.files)} files</summary>{files}</details>"
        items.append(
            f"<li class={problem.severity}><b>{problem.severity}</b>: {_text(problem.sentence)}"
            f"{more if len(problem.files) > MOST_NAMED else ''}</li>"
        )
    return f"<h2>Problems</h2><ul>{''.join(items)}</ul>" if items else ""


def _facts(facts):
    rows = "".join(f"<tr><th>{_text(name)}</th><td>{_text(text)}</td></tr>" for name, text in facts)
    return f"<h2>What there is</h2><table>{rows}</table>" if rows else ""


def _classes(classes):
    if not classes:
        return ""
    stored = classes[0].stored is not None
    of = "pixels" if stored else "images"
    heads = "<th>class</th>" + ("<th class=number>in files</th>" if stored else "")
    for split in classes[0].shares:
        name = "" if split == "." else f" {_text(split)}"
        heads += f"<th class=number>{of}{name}</th><th class=number>images</th>"
    rows = ""
    for row in classes:
        swatch = (
            f"<span class=swatch style='background:#{row.colour:06x}'></span>" if stored else ""
        )
        cells = f"<td>{swatch}{_text(row.name)}</td>"
        cells += f"<td class=number>{_text(row.stored)}</td>" if stored else ""
        for split, share in row.shares.items():
            cells += f"<td class=number>{share:.2%}</td><td class=number>{row.images[split]}</td>"
        rows += f"<tr>{cells}</tr>"
    return f"<h2>Classes</h2><table><tr>{heads}</tr>{rows}</table>"


def _figure(name, pictures):
    images = " ".join(
        f"<img src='data:image/png;base64,{_encoded(each)}' alt='{_text(name)}'>"
        for each in pictures
    )
    return f"<figure>{images}<figcaption>{_text(name)}</figcaption></figure>"


def _encoded(picture):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _text(text):
    return html.escape(printable(str(text)))
