"""What all images are asked, whatever they are labelled with."""

import dataclasses
import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_multigrid.datasets.class_folders import some
from keras_multigrid.decoding.pixels import read_orientation, read_pixels

THREADS = 4


@dataclasses.dataclass(frozen=True)
class ImageFacts:
    """What one image file holds.

    Attributes:
        shape: Height, width and channels.
        kind: Name of the values' type.
        low, high: The smallest and the largest value.
        finite: Whether all values are finite.
        content: A hash of the pixels.
        orientation: Of its EXIF tag; 1 is upright.
    """

    shape: tuple[int, int, int]
    kind: str
    low: float
    high: float
    finite: bool
    content: str
    orientation: int


def look_at_image(path):
    """Returns the `ImageFacts` of a file; errors as of `read_pixels`."""
    image = read_pixels(path)
    finite = bool(np.isfinite(image).all())
    low, high = (float(image.min()), float(image.max())) if finite else (0.0, 0.0)
    digest = hashlib.sha1(image.tobytes(), usedforsecurity=False)
    content = f"{image.shape} {image.dtype} {digest.hexdigest()}"
    return ImageFacts(
        image.shape, image.dtype.name, low, high, finite, content, read_orientation(path)
    )


def look_at_all(look, arguments, findings):
    """Applies a function to each of some arguments, with threads; what fails is one problem.

    Args:
        look: A function that raises a `ValueError` or an `OSError` about a file.
        arguments: List of tuples of its arguments, of which the first is a path.
        findings: A `Findings`.

    Returns:
        List of what it returns, None where it failed.
    """

    def attempt(given):
        try:
            return look(*given), None
        except (ValueError, OSError) as error:
            return None, str(error)

    with ThreadPoolExecutor(THREADS) as pool:
        found = [*pool.map(attempt, arguments)]
    failed = [(str(given[0]), text) for given, (_, text) in zip(arguments, found) if text]
    if failed:
        paths, texts = zip(*failed)
        more = f" {len(texts) - 1} more are alike: {some(paths[1:])}." if len(texts) > 1 else ""
        findings.error(f"{texts[0].rstrip('.')}; repair or remove it.{more}", paths)
    return [value for value, _ in found]


def check_values(paths, facts, findings):
    """Notes images with values that cannot be meant."""
    wrong = [path for path, fact in zip(paths, facts) if not fact.finite]
    if wrong:
        findings.error(
            f"{len(wrong)} images have values that are not finite: {some(wrong)}; replace them.",
            wrong,
        )
    plain = [path for path, fact in zip(paths, facts) if fact.finite and fact.low == fact.high]
    if plain:
        findings.warning(
            f"{len(plain)} images have one value alone: {some(plain)}; look at them.", plain
        )


def check_copies(paths, facts, splits, findings, drawn=False):
    """Notes images that are there more than once, by their pixels.

    Args:
        paths: Of the images.
        facts: Their `ImageFacts`.
        splits: The split, or the fold, of each.
        findings: A `Findings`.
        drawn: Whether splits are drawn, so that others may part them.

    Returns:
        The groups of copies, lists of indices.
    """
    by_content = {}
    for index, fact in enumerate(facts):
        by_content.setdefault(fact.content, []).append(index)
    copies = [indices for indices in by_content.values() if len(indices) > 1]
    parted = [each for each in copies if len({splits[index] for index in each}) > 1]
    within = [each for each in copies if each not in parted]
    for kept, severity in ((parted, findings.error), (within, findings.warning)):
        if kept:
            first = [paths[index] for index in kept[0][:2]]
            files = [paths[index] for indices in kept for index in indices]
            where = (
                f"are the same image, and in {splits[kept[0][0]]} and "
                f"{next(splits[i] for i in kept[0] if splits[i] != splits[kept[0][0]])}: scores "
                "would be too good"
                if kept is parted
                else "are the same image"
            )
            more = f" So are {len(kept) - 1} more." if len(kept) > 1 else ""
            advice = (
                "; remove the copies, or give them one group in a CSV file"
                if drawn
                else "; remove the copies"
            )
            severity(f"{first[0]} and {first[1]} {where}{advice}.{more}", files)
    return copies


def form_facts(facts):
    """Returns facts on sizes, channels, types and values, as pairs of a name and a text."""
    sides = np.array([fact.shape[:2] for fact in facts])
    smallest, largest = sides[sides.prod(1).argmin()], sides[sides.prod(1).argmax()]
    sizes = " x ".join(map(str, smallest))
    if len(np.unique(sides, axis=0)) > 1:
        sizes += f" to {' x '.join(map(str, largest))}"
    return (
        ("size", f"{sizes} (height x width)"),
        ("channels", _different(fact.shape[-1] for fact in facts)),
        ("type", _different(fact.kind for fact in facts)),
        ("values", f"{min(f.low for f in facts):g} to {max(f.high for f in facts):g}"),
    )


def _different(values):
    return ", ".join(map(str, sorted({*values})))
