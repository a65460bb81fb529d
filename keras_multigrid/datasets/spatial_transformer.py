"""The spatial transformation task: undo what was done to a digit (paper, section 4.3)."""

import keras
import numpy as np

PAPER_CANVAS = 64  # pixels on which the paper draws digits of 28
THRESHOLD = 0.3  # intensity from which a pixel belongs to the digit
CHUNK = 1024  # images drawn at once: bounds the memory


def distort_digits(digits, count, canvas=PAPER_CANVAS, seed=0):
    """Draws randomly distorted and displaced digits, and the masks of the untouched ones.

    A digit is rotated by U(-60, 60) degrees, sheared by tan(U(-60, 60) degrees) along x or y,
    scaled by U(0.5, 1.5) and put at a uniform position inside the canvas; one too large for the
    canvas is centred. Its sides are to the canvas as 28 to 64.

    Args:
        digits: Images in [0, 1] of shape `(samples, side, side)`.
        count: Number of images to draw, each of a random digit.
        canvas: Side of the images in pixels.
        seed: Seed; the same seed gives the same images.

    Returns:
        A tuple of float32 arrays of shape `(count, canvas, canvas, 1)`: the images in [0, 1], and
        the masks of the digits upright in the centre, 0 or 1.

    Raises:
        ValueError: If `digits` has another shape.

    Example:

    >>> from keras_multigrid.datasets import distort_digits, load_digits
    >>> images, masks = distort_digits(load_digits("test")[0], 16, canvas=32)
    >>> images.shape, masks.shape
    ((16, 32, 32, 1), (16, 32, 32, 1))
    """
    digits = np.asarray(digits)
    if digits.ndim != 3 or digits.shape[1] != digits.shape[2]:
        raise ValueError(f"digits has shape {digits.shape}; expected (samples, side, side).")
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(digits), size=count)
    matrices = _random_matrices(rng, count)
    shifts = _random_shifts(rng, matrices, digits.shape[1], canvas, digits[chosen] >= THRESHOLD)
    upright = np.broadcast_to(np.eye(2), matrices.shape)
    images = _draw(digits, chosen, matrices, shifts, canvas)
    masks = _draw(digits, chosen, upright, np.zeros_like(shifts), canvas) >= THRESHOLD
    return images[..., None], masks[..., None].astype("float32")


class DistortedDigits(keras.utils.PyDataset):
    """Endless fresh batches of `distort_digits` for `model.fit`, on any backend.

    Batch b of epoch e depends on the seed, e and b alone.

    Args:
        digits: Images in [0, 1] of shape `(samples, side, side)`.
        steps: Batches per epoch.
        batch_size: Images per batch.
        canvas: Side of the images in pixels.
        seed: Seed.
        normalize: Function applied to the images.

    Example:

    >>> from keras_multigrid.datasets import DistortedDigits, load_digits
    >>> data = DistortedDigits(load_digits("train")[0], steps=2, batch_size=8, canvas=32)
    >>> [batch[0].shape for batch in (data[0], data[1])]
    [(8, 32, 32, 1), (8, 32, 32, 1)]
    """

    def __init__(self, digits, steps, batch_size, canvas=PAPER_CANVAS, seed=0, normalize=None):
        super().__init__()
        self.digits = digits
        self.steps = steps
        self.batch_size = batch_size
        self.canvas = canvas
        self.seed = seed
        self.normalize = normalize or (lambda images: images)
        self.epoch = 0

    def __len__(self):
        return self.steps

    def __getitem__(self, step):
        seed = (self.seed, self.epoch, step)
        images, masks = distort_digits(self.digits, self.batch_size, self.canvas, seed)
        return self.normalize(images), masks

    def on_epoch_end(self):
        self.epoch += 1


def _random_matrices(rng, count):
    """Returns 2x2 matrices from digit to canvas directions, (y, x) order, without the zoom."""
    rotation, shear = np.deg2rad(rng.uniform(-60, 60, (2, count)))
    scale = rng.uniform(0.5, 1.5, count)
    along_x = rng.random(count) < 0.5
    cos, sin, slant = np.cos(rotation), np.sin(rotation), np.tan(shear)
    rotate = np.stack([cos, sin, -sin, cos], axis=-1).reshape(count, 2, 2)
    one, zero = np.ones(count), np.zeros(count)
    sheared = np.stack(
        [one, np.where(along_x, zero, slant), np.where(along_x, slant, zero), one], axis=-1
    ).reshape(count, 2, 2)
    return scale[:, None, None] * (sheared @ rotate)


def _random_shifts(rng, matrices, side, canvas, inked):
    """Returns where the digits' centres go, relative to the canvas' centre, in canvas pixels."""
    zoom = canvas / PAPER_CANVAS * 28 / side
    offsets = np.stack(np.meshgrid(*[np.arange(side) - (side - 1) / 2] * 2, indexing="ij"), -1)
    lowest, highest = np.empty((2, len(matrices), 2))
    for index, (matrix, ink) in enumerate(zip(matrices, inked)):
        reached = zoom * offsets[ink] @ matrix.T
        lowest[index], highest[index] = reached.min(axis=0), reached.max(axis=0)
    room = np.maximum(canvas - 1 - (highest - lowest), 0)
    return (rng.random(room.shape) - 0.5) * room - (lowest + highest) / 2


def _draw(digits, chosen, matrices, shifts, canvas):
    from scipy.ndimage import map_coordinates

    side = digits.shape[1]
    zoom = canvas / PAPER_CANVAS * 28 / side
    centred = np.arange(canvas) - (canvas - 1) / 2
    pixels = np.stack(np.meshgrid(centred, centred, indexing="ij"), axis=-1)
    backward = np.linalg.inv(matrices) / zoom
    images = np.empty((len(chosen), canvas, canvas), "float32")
    for start in range(0, len(chosen), CHUNK):
        part = slice(start, start + CHUNK)
        relative = pixels - shifts[part, None, None]
        sources = np.einsum("nij,nrcj->inrc", backward[part], relative) + (side - 1) / 2
        index = np.broadcast_to(chosen[part, None, None], sources.shape[1:])
        images[part] = map_coordinates(digits, [index, *sources], order=1, prefilter=False)
    return images
