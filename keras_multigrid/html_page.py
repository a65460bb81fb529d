"""Self-contained HTML pages of text, tables and pictures."""

import base64
import html
import io

import numpy as np

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
.gallery { display: flex; flex-wrap: wrap; gap: 1rem; } .gallery figure { max-width: 11rem; }
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
    title = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{title}</h1>\n{chr(10).join(parts)}\n</body></html>\n"
    )


def heading(text):
    """Returns a heading."""
    return f"<h2>{html.escape(text)}</h2>"


def paragraph(text):
    """Returns a paragraph."""
    return f"<p>{html.escape(text)}</p>"


def listed(texts):
    """Returns a list with a point for each text."""
    return f"<ul>{''.join(f'<li>{html.escape(text)}</li>' for text in texts)}</ul>"


def table(header, rows, shades=None):
    """Returns a table.

    Args:
        header: List of texts.
        rows: List of lists of texts.
        shades: For each row a number from 0 to 1 for each cell but the first, or None.
    """
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in header)
    body = []
    for index, (first, *cells) in enumerate(rows):
        shown = [f'<th scope="row">{html.escape(first)}</th>']
        for place, text in enumerate(cells):
            style = ""
            if shades is not None:
                style = f' style="background: rgb(0 114 178 / {shades[index][place]:.2f})"'
            shown.append(f"<td{style}>{html.escape(text)}</td>")
        body.append(f"<tr>{''.join(shown)}</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(body)}</table></div>'


def colour_key(names, colours):
    """Returns what each colour, 0xRRGGBB, stands for."""
    keys = [
        f'<span class="key"><i style="background: #{colour:06x}"></i>{html.escape(name)}</span>'
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
    caption = html.escape(caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
