"""Self-contained HTML pages of text, tables and pictures."""

import base64
import html
import io

import numpy as np

from keras_multigrid.datasets.class_folders import printable

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .8rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; } figcaption { font-size: .9rem; opacity: .8; }
img { max-width: 100%; height: auto; image-rendering: auto; }
.gallery { display: flex; flex-wrap: wrap; gap: 1rem; } .gallery figure { margin: 0; }
.gallery figcaption { width: 0; min-width: 100%; }
.key { display: inline-block; margin-right: 1rem; white-space: nowrap; }
.key i { display: inline-block; width: 1em; height: 1em; margin-right: .3em; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; }
"""


def page(title, *parts):
    """Returns a page.

    Args:
        title: Its title.
        *parts: Texts of HTML.
    """
    title = _text(title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{title}</h1>\n{chr(10).join(parts)}\n</body></html>\n"
    )


def heading(text):
    """Returns a heading."""
    return f"<h2>{_text(text)}</h2>"


def paragraph(text):
    """Returns a paragraph."""
    return f"<p>{_text(text)}</p>"


def listed(texts):
    """Returns a list with a point for each text."""
    return f"<ul>{''.join(f'<li>{_text(text)}</li>' for text in texts)}</ul>"


def details(summary, texts):
    """Returns texts, one a line, that are shown when their summary is clicked."""
    lines = "<br>".join(map(_text, texts))
    return f"<details><summary>{_text(summary)}</summary>{lines}</details>"


def table(header, rows, shades=None):
    """Returns a table.

    Args:
        header: List of texts; none leaves it out.
        rows: List of lists of texts.
        shades: For each row a number from 0 to 1 for each cell but the first, or None.
    """
    head = "".join(f'<th scope="col">{_text(text)}</th>' for text in header)
    body = []
    for index, (first, *cells) in enumerate(rows):
        shown = [f'<th scope="row">{_text(first)}</th>']
        for place, text in enumerate(cells):
            style = ""
            if shades is not None:
                style = f' style="background: rgb(0 114 178 / {0.7 * shades[index][place]:.2f})"'
            shown.append(f"<td{style}>{_text(text)}</td>")
        body.append(f"<tr>{''.join(shown)}</tr>")
    rows = [f"<tr>{head}</tr>" if header else "", *body]
    return f'<div class="wide"><table>{"".join(rows)}</table></div>'


def colour_key(names, colours):
    """Returns what each colour, 0xRRGGBB, stands for."""
    keys = [
        f'<span class="key"><i style="background: #{colour:06x}"></i>{_text(name)}</span>'
        for name, colour in zip(names, colours)
    ]
    return f"<p>{''.join(keys)}</p>"


def gallery(figures):
    """Returns pictures side by side, as many as there is space for."""
    return f'<div class="gallery">{"".join(figures)}</div>'


def picture(image, caption):
    """Returns a picture with a caption.

    Args:
        image: Array of uint8 `(height, width, 3)`, or the bytes of a PNG file.
        caption: Text.
    """
    if isinstance(image, np.ndarray):
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        image = file.getvalue()
    data = base64.b64encode(image).decode()
    caption = _text(caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _text(text):
    return html.escape(printable(text))
