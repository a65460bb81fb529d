"""ZCAWhitening: images whose pixels are uncorrelated, and of variance one."""

import keras
import numpy as np
from keras import ops

# Below one percent of 1 / (12 * 255^2) = 1.3e-6, the variance that rounding to 8 bits alone gives a
# pixel of [0, 1]: so the whitened variances are 1 to within one percent.
EPSILON = 1e-8
CHUNK = 1024  # images that `adapt` holds in float64 at once: bounds the memory


@keras.saving.register_keras_serializable(package="keras_multigrid")
class ZCAWhitening(keras.layers.Layer):
    """Makes the pixels of images uncorrelated and of variance one (paper, section 4.1).

    Of all whitenings, ZCA changes the images least. With the mean m and the covariance U S U^T of
    the images given to `adapt`, an image x becomes W (x - m), where W = U (S + epsilon)^-1/2 U^T.
    Before `adapt` the layer is the identity, as `keras.layers.Normalization` is.

    The layer knows no scale: what it is called on should have the scale of what it was adapted to.
    It computes in float32 under any precision policy, since CIFAR's variances span seven decades;
    where a GPU multiplies float32 in TensorFloat-32, that costs two percent of precision.

    Args:
        epsilon: Added to the variances, so that directions without any stay finite; the default is
            for images of [0, 1]. A larger one leaves directions of less variance damped, which on
            photographs are mostly noise.
        **kwargs: Keras' own layer arguments.

    Attributes:
        mean: After build, m, of shape `(pixels,)`, where pixels is height x width x channels.
        matrix: After build, W, of shape `(pixels, pixels)`. Neither is trainable; both are saved.

    Input shape:
        One tensor `(batch, height, width, channels)` of known sides; the order of the axes after
        the first does not matter.

    Output shape:
        The input's.

    Raises:
        ValueError: If `epsilon` is not a positive number, or the input is not one 4D tensor of
            known sides, those the layer was built for.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> images = np.random.default_rng(0).random((500, 4, 4, 3)) ** 2
    >>> whiten = kmg.layers.ZCAWhitening()
    >>> whiten.adapt(images)
    >>> white = np.reshape(whiten(images), (500, 48))
    >>> bool(np.allclose(np.cov(white.T), np.eye(48), atol=1e-4))
    True
    >>> bool(np.allclose(whiten.inverse(whiten(images)), images, atol=1e-4))
    True
    """

    def __init__(self, epsilon=EPSILON, **kwargs):
        # Images cast to half precision would have lost their small variances before `call`.
        super().__init__(autocast=False, **kwargs)
        if not isinstance(epsilon, int | float) or not 0 < epsilon < float("inf"):
            raise ValueError(f"{self._label}: epsilon is {epsilon!r}; expected a positive number.")
        self.epsilon = epsilon
        self._image_shape = None

    def build(self, input_shape):
        self._image_shape = self._check_images(input_shape)
        pixels = int(np.prod(self._image_shape))
        options = {"dtype": "float32", "trainable": False, "autocast": False}
        self.mean = self.add_weight((pixels,), "zeros", name="mean", **options)
        self.matrix = self.add_weight((pixels, pixels), "identity", name="matrix", **options)

    def adapt(self, images):
        """Fits the mean and the matrix to images, in place of what they were.

        Args:
            images: Array of shape `(samples, height, width, channels)`, of any number type. Where
                samples are no more than pixels, most directions have no variance: all is defined,
                but these samples alone are whitened.

        Raises:
            ValueError: If `images` has another rank, fewer than 2 samples, values that are not
                finite, or not the sides the layer was built for.
        """
        images = np.asarray(images)
        shape = self._check_images(images.shape)
        if len(images) < 2:
            raise ValueError(
                f"{self._label}: adapt got {len(images)} image(s); expected at least 2, better "
                "many more than an image has pixels."
            )
        mean, covariance = _moments(images.reshape(len(images), -1))
        if not np.isfinite(mean).all():
            raise ValueError(
                f"{self._label}: adapt got images with values that are not finite; expected "
                "numbers, for example of [0, 1]."
            )
        variances, directions = np.linalg.eigh(covariance)
        gains = (np.maximum(variances, 0) + self.epsilon) ** -0.5
        if not self.built:
            self.build((None, *shape))
        self.mean.assign(mean)
        self.matrix.assign((directions * gains) @ directions.T)

    def call(self, images):
        centred = self._flat(images) - self.mean
        return self._images(ops.matmul(centred, self.matrix))  # W^T = W

    def inverse(self, images):
        """Returns the images from which the layer makes these.

        Args:
            images: Whitened images of shape `(batch, height, width, channels)`.

        Returns:
            A tensor of the same shape.

        Raises:
            ValueError: If the layer is not built, or built for other sides.
        """
        if not self.built:
            raise ValueError(f"{self._label} is not built; call adapt(images) before inverse.")
        # Solving costs a second for CIFAR; a stored inverse would double the size of saved models.
        centred = ops.solve(self.matrix, ops.transpose(self._flat(images)))
        return self._images(ops.transpose(centred) + self.mean)

    def compute_output_shape(self, input_shape):
        self._check_images(input_shape)
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}

    def _flat(self, images):
        self._check_images(images.shape)
        return ops.reshape(ops.cast(images, "float32"), (-1, self.mean.shape[0]))

    def _images(self, flat):
        return ops.cast(ops.reshape(flat, (-1, *self._image_shape)), self.compute_dtype)

    def _check_images(self, shape):
        """Returns the shape without the batch, or raises a `ValueError`."""
        sides = tuple(shape[1:])
        if len(shape) != 4 or not all(isinstance(side, int) and side > 0 for side in sides):
            raise ValueError(
                f"{self._label} got shape {tuple(shape)}; expected 4 dimensions, (batch, height, "
                "width, channels), with known sides. Add a batch to a single image: image[None]."
            )
        if self._image_shape not in (None, sides):
            raise ValueError(
                f"{self._label} got images of shape {sides}; expected {self._image_shape}, as at "
                "build. Make a new layer for other images."
            )
        return sides

    @property
    def _label(self):
        return f"ZCAWhitening '{self.name}'"


def _moments(vectors):
    """Returns the mean and the covariance of the rows of an array, in float64."""
    with np.errstate(invalid="ignore"):  # of values that are not finite, which show in the mean
        mean = vectors.mean(axis=0, dtype="float64")
        covariance = np.zeros((mean.size, mean.size))
        for start in range(0, len(vectors), CHUNK):
            centred = vectors[start : start + CHUNK] - mean
            covariance += centred.T @ centred
    return mean, covariance / (len(vectors) - 1)
