"""Attention maps of the network of a finished run."""

import pathlib

import numpy as np

from keras_multigrid import checks
from keras_multigrid.attention_maps import sweep, write_attention_page
from keras_multigrid.copies import at_size
from keras_multigrid.decoding import read_image
from keras_multigrid.figures import draw_attention_maps
from keras_multigrid.figures.attention_maps import check_probe_count
from keras_multigrid.figures.style import draw_both
from keras_multigrid.runs.run_folder import load_run
from keras_multigrid.whole_files import whole

ATTENTION = "attention"
PAGE_STRIDE = 4


def attend_run(
    run,
    image_files=(),
    probes=None,
    *,
    samples=4,
    occluder_size=8,
    stride=1,
    channel=None,
    output=None,
    data_dir=None,
):
    """Writes which parts of an image influence pixels of the output (paper, Figures 6 and 7).

    Args:
        run: The run's folder.
        image_files: Paths of images, of one size; none takes test images of the run.
        probes: List of `(row, column)` in the output; None is those of `bounding_box_probes`.
        samples: Number of test images.
        occluder_size, stride, channel: As for `kmg.attention_maps.sweep`.
        output: Folder; None is the run's own. It gets `attention.png`, `attention.pdf`,
            `attention.npz` (images, outputs, probes and maps) and `attention.html`, on which every
            pixel can be pointed at.
        data_dir: Where the data are now, if elsewhere.

    Returns:
        List of the paths that were written.

    Raises:
        ValueError: If the run is not finished, its outputs are not images, or an argument is
            invalid.
        OSError: If a file cannot be read or written.

    Example:

    >>> from keras_multigrid.runs import attend_run
    >>> attend_run("runs/first", probes=[(32, 32)], stride=8)
    """
    checks.paths(run=run)
    checks.lists(image_files=image_files)
    checks.optional(checks.lists, probes=probes)
    checks.positive_integers(samples=samples, occluder_size=occluder_size, stride=stride)
    checks.optional(checks.integers, channel=channel)
    checks.optional(checks.paths, output=output, data_dir=data_dir)
    run, output = pathlib.Path(run), pathlib.Path(output or run)
    recipe, model = load_run(run, data_dir)
    if len(getattr(model, "output_shape", ())) != 4:  # classifiers, top-down ones too
        raise ValueError(
            f"The outputs of {recipe.model} on {recipe.NAME} are not images; expected a run of "
            "mnist_segmentation or mnist_spatial_transformer."
        )
    if probes:
        check_probe_count(len(probes))
    output.mkdir(parents=True, exist_ok=True)  # an error before all the work
    if image_files:
        images = _read(image_files, model.input_shape[-1])
        for layer in recipe.preprocessing(run):
            images = np.asarray(layer(images))
        model = at_size(model, images.shape[1:3])
    else:
        data = recipe.load_evaluation(recipe.TEST_SPLIT).unbatch().take(samples)
        images, _ = next(data.batch(samples).as_numpy_iterator())
    swept = sweep(
        model, images, probes, occluder_size=occluder_size, stride=stride, channel=channel
    )
    maps = swept.maps()
    shown = {recipe.model: (swept.outputs, swept.probes, maps)}
    pictures = draw_both(output / ATTENTION, draw_attention_maps, images, shown)
    arrays, page = output / f"{ATTENTION}.npz", output / f"{ATTENTION}.html"
    with whole(arrays) as unfinished:
        np.savez_compressed(
            unfinished, images=images, outputs=swept.outputs, probes=swept.probes, maps=maps
        )
    write_attention_page(
        page,
        model,
        images,
        title=f"What influences {recipe.model}",
        occluder_size=occluder_size,
        stride=max(stride, PAGE_STRIDE),
        channel=channel,
        names=_names(image_files) if image_files else None,
    )
    return [*pictures, arrays, page]


def _names(files):
    """Returns the names of files, with their folders if they are not enough."""
    names = [pathlib.Path(file).name for file in files]
    return names if len(set(names)) == len(names) else list(map(str, files))


def _read(files, channels):
    """Returns images of one size as floats from 0 to 255, grey for networks of one channel."""
    images = []
    for file in files:
        try:
            image = read_image(pathlib.Path(file).read_bytes(), channels)
        except ValueError as error:
            raise OSError(f"{file} {error}; give another image.") from error
        images.append(image.astype("float32"))
    sizes = {image.shape[:2] for image in images}
    if len(sizes) > 1:
        texts = ", ".join(sorted(f"{height}x{width}" for height, width in sizes))
        raise ValueError(f"The images are of several sizes, {texts}; expected one.")
    return np.stack(images)
