"""Shows what the networks that ship with the package look at, and what their grids read.

    python tools/show_weights.py --output results/shipped

Nothing is trained. Each network gets a folder: `attention.html`, where pointing at a pixel of the
output shows what influences it; `attention.png`; `routing.png`; and `README.md`, with its scores,
its receptive field, and a table of what each grid reads.
"""

import argparse
import pathlib

import numpy as np

import keras_multigrid as kmg
from keras_multigrid.attention_maps import receptive_field, sweep, write_attention_page
from keras_multigrid.figures import draw_attention_maps, draw_routing

SHOWN, MEASURED = 3, 64  # images
PAGE_STRIDE = 8  # keeps the page small


def show(card, output, source, data_dir):
    """Writes the folder of one network."""
    folder = output / f"{card.network}-{card.name}"
    folder.mkdir(parents=True, exist_ok=True)
    model = kmg.applications.create_model(card.network, weights=card.name, **card.arguments)
    data = kmg.datasets.load(card.name, "test", MEASURED, source=source, data_dir=data_dir)
    images, _ = next(data.as_numpy_iterator())
    images = np.asarray(kmg.applications.preprocess_digits(images))

    shown = images[:SHOWN]
    swept = sweep(model, shown, stride=2)
    attended = {card.network: (swept.outputs, swept.probes, swept.maps())}
    draw_attention_maps(folder / "attention.png", shown, attended)
    title = f"What influences {card.network}"
    write_attention_page(
        folder / "attention.html", model, shown[:1], title=title, stride=PAGE_STRIDE
    )
    routing = kmg.routing.measure(model, images, verbose=0)
    draw_routing(folder / "routing.png", routing)
    field = receptive_field(model, images, verbose=0)
    (folder / "README.md").write_text(page(card, source, field, routing))
    print(f"Written: {folder}")


def page(card, source, field, routing):
    """Returns the text of a network's page."""
    scores = ", ".join(f"{name} {value:.2f} %" for name, value in card.scores.items())
    top, left, bottom, right = field.box
    rows = [
        f"| {row.exchange.layer} | {row.exchange.size[0]}x{row.exchange.size[1]} "
        f"| {row.exchange.source} | {row.kernel_share:.2f} | {row.activation_share:.2f} |"
        for row in routing.rows
    ]
    return "\n".join(
        [
            f'# {card.network}, `weights="{card.name}"`',
            "",
            f"{card.test_images:,} test images: {scores}. What follows is of {MEASURED} test "
            f"images of the digits of `{source}`, by `python tools/show_weights.py`.",
            "",
            "![What influences pixels of the output](attention.png)",
            "",
            "Each pixel of the output: [`attention.html`](attention.html).",
            "",
            f"The pixel at {field.probe[0]}, {field.probe[1]} of the output sees rows {top} to "
            f"{bottom} and columns {left} to {right} of the 64 x 64; {field.effective_pixels} "
            "pixels have at least 4.55 % of the largest influence.",
            "",
            "![What each grid reads](routing.png)",
            "",
            "Shares of what a grid reads: of its kernel's sum of squares, and of what is added up.",
            "",
            "| layer | grid | source | kernel | activation |",
            "|---|---|---|---:|---:|",
            *rows,
            "",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--source", default="digits", help="of the digits: mnist or digits")
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps MNIST")
    options = parser.parse_args()
    for card in kmg.applications.list_weights():
        show(card, options.output, options.source, options.data_dir)


if __name__ == "__main__":
    main()
