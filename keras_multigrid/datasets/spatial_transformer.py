"""The spatial transformation task: undo what was done to a digit (paper, section 4.3)."""

import dataclasses

import keras
import numpy as np

THRESHOLD = 0.3  # intensity from which a pixel belongs to the digit
CHUNK = 1024  # images drawn at once: bounds the memory


@dataclasses.dataclass(frozen=True)
class Distortion:
    """How digits are distorted; the defaults are the paper's.

    Attributes:
        rotation: Largest angle, in degrees, to either side.
        shear: Largest shearing angle, in degrees, to either side, along x or y.
        scale: Smallest and largest factor.
        digit_share: Side of an undistorted digit's image, relative to the canvas.

    Example:

    >>> from keras_multigrid.datasets import Distortion
    >>> Distortion(rotation=0, shear=0, scale=(1, 1)).digit_share  # translation alone
    0.4375
    """

    rotation: float = 60
    shear: float = 60
    scale: tuple = (0.5, 1.5)
    digit_share: float = 28 / 64


def distort_digits(digits, count, canvas=64, seed=0, distortion=Distortion()):
    """Draws randomly distorted and displaced digits, and the masks of the untouched ones.

    A digit is rotated, sheared along x or y, scaled, all uniformly at random, and put at a uniform
    position inside the canvas; one too large for the canvas is centred.

    Args:
        digits: Images in [0, 1] of shape `(samples, side, side)`.
        count: Number of images to draw, each of a random digit.
        canvas: Side of the images in pixels.
        seed: Seed, an integer or a tuple of them; the same seed gives the same images.
        distortion: A `Distortion`.

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
    zoom = distortion.digit_share * canvas / digits.shape[1]
    matrices = zoom * _random_matrices(rng, count, distortion)
    shifts = _random_shifts(rng, matrices, digits[chosen] >= THRESHOLD, canvas)
    upright = np.broadcast_to(zoom * np.eye(2), matrices.shape)
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
        distortion: A `Distortion`.
        normalize: Function applied to the images.

    Example:

    >>> from keras_multigrid.datasets import DistortedDigits, load_digits
    >>> data = DistortedDigits(load_digits("train")[0], steps=2, batch_size=8, canvas=32)
    >>> [batch[0].shape for batch in (data[0], data[1])]
    [(8, 32, 32, 1), (8, 32, 32, 1)]
    """

    def __init__(
        self, digits, steps, batch_size, canvas=64, seed=0, distortion=Distortion(), normalize=None
    ):
        super().__init__()
        self.digits = digits
        self.steps = steps
        self.batch_size = batch_size
        self.canvas = canvas
        self.seed = seed
        self.distortion = distortion
        self.normalize = normalize or (lambda images: images)
        self.epoch = 0

    def __len__(self):
        return self.steps

    def __getitem__(self, step):
        seed = (self.seed, self.epoch, step)
        images, masks = distort_digits(
            self.digits, self.batch_size, self.canvas, seed, self.distortion
        )
        return self.normalize(images), masks

    def on_epoch_end(self):
        self.epoch += 1


def _random_matrices(rng, count, distortion):
    """Returns 2x2 matrices from digit to canvas directions, (y, x) order, without the zoom."""
    rotation = np.deg2rad(distortion.rotation) * rng.uniform(-1, 1, count)
    shear = np.deg2rad(distortion.shear) * rng.uniform(-1, 1, count)
    scale = rng.uniform(*distortion.scale, count)
    along_x = rng.random(count) < 0.5
    cos, sin, slant = np.cos(rotation), np.sin(rotation), np.tan(shear)
    rotate = np.stack([cos, sin, -sin, cos], axis=-1).reshape(count, 2, 2)
    one, zero = np.ones(count), np.zeros(count)
    sheared = np.stack(
        [one, np.where(along_x, zero, slant), np.where(along_x, slant, zero), one], axis=-1
    ).reshape(count, 2, 2)
    return scale[:, None, None] * (sheared @ rotate)


def _random_shifts(rng, matrices, inked, canvas):
    """Returns where the digits' centres go, relative to the canvas' centre, in canvas pixels."""
    side = inked.shape[1]
    offsets = np.stack(np.meshgrid(*[np.arange(side) - (side - 1) / 2] * 2, indexing="ij"), -1)
    lowest, highest = np.empty((2, len(matrices), 2))
    for index, (matrix, ink) in enumerate(zip(matrices, inked)):
        reached = offsets[ink] @ matrix.T
        lowest[index], highest[index] = reached.min(axis=0), reached.max(axis=0)
    room = np.maximum(canvas - 1 - (highest - lowest), 0)
    return (rng.random(room.shape) - 0.5) * room - (lowest + highest) / 2


def _draw(digits, chosen, matrices, shifts, canvas):
    from scipy.ndimage import map_coordinates

    side = digits.shape[1]
    centred = np.arange(canvas) - (canvas - 1) / 2
    pixels = np.stack(np.meshgrid(centred, centred, indexing="ij"), axis=-1)
    backward = np.linalg.inv(matrices)
    images = np.empty((len(chosen), canvas, canvas), "float32")
    for start in range(0, len(chosen), CHUNK):
        part = slice(start, start + CHUNK)
        relative = pixels - shifts[part, None, None]
        sources = np.einsum("nij,nrcj->inrc", backward[part], relative) + (side - 1) / 2
        index = np.broadcast_to(chosen[part, None, None], sources.shape[1:])
        images[part] = map_coordinates(digits, [index, *sources], order=1, prefilter=False)
    return images
