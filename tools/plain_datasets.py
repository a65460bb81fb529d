"""The papers' data made plainly, one sample at a time, with NumPy and SciPy or OpenCV.

What `benchmark_datasets.py` compares the pipelines with: the loops one would write first.
"""

import numpy as np

PCA_VALUES = np.array([0.2175, 0.0188, 0.0045])
PCA_VECTORS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)


def warp_opencv(image, matrix, side):
    """Returns an image transformed about its centre, by OpenCV; `matrix` in the order (x, y)."""
    import cv2

    shift = np.full(2, (side - 1) / 2) - matrix @ np.full(2, (image.shape[0] - 1) / 2)
    return cv2.warpAffine(image, np.column_stack([matrix, shift]), (side, side))


def warp_scipy(image, matrix, side):
    """Returns an image transformed about its centre, by SciPy; `matrix` in the order (x, y)."""
    from scipy.ndimage import affine_transform

    back = np.linalg.inv(matrix[::-1, ::-1])
    offset = np.full(2, (image.shape[0] - 1) / 2) - back @ np.full(2, (side - 1) / 2)
    return affine_transform(image, back, offset, (side, side), order=1)


def segmentation(rng, digits, labels, warp, canvas=64):
    """Returns one image of overlapping digits and its ten masks."""
    image = np.zeros((canvas, canvas), "float32")
    masks = np.zeros((canvas, canvas, 10), "float32")
    for _ in range(int(np.ceil(rng.normal(5, 0.5)))):
        index, angle = rng.integers(len(digits)), rng.uniform(-60, 60)
        placed = False
        while not placed:
            patch = warp(digits[index], rng.uniform(0.5, 1.25) * rotation(angle), 52)
            patch = crop(patch / patch.max())
            height, width = patch.shape
            for _ in range(10):
                top = rng.integers(canvas - height + 1)
                left = rng.integers(canvas - width + 1)
                window = np.s_[top : top + height, left : left + width]
                if np.mean(image[window][patch > 0] > 0) <= 0.3:
                    image[window] += patch
                    masks[window][..., labels[index]][patch >= 0.3] = 1
                    placed = True
                    break
    return np.minimum(image, 1), masks


def spatial_transformer(rng, digits, labels, warp, canvas=64):
    """Returns one distorted digit, and the mask of the untouched one."""
    digit = digits[rng.integers(len(digits))]
    shear = np.eye(2)
    shear[(0, 1) if rng.random() < 0.5 else (1, 0)] = np.tan(np.deg2rad(rng.uniform(-60, 60)))
    matrix = rng.uniform(0.5, 1.5) * shear @ rotation(rng.uniform(-60, 60))
    patch = crop(warp(digit, matrix, 2 * canvas))
    image = np.zeros((canvas, canvas), "float32")
    patch = patch[:canvas, :canvas]
    top = rng.integers(canvas - patch.shape[0] + 1)
    left = rng.integers(canvas - patch.shape[1] + 1)
    image[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    border = (canvas - digit.shape[0]) // 2
    return image, np.pad(digit >= 0.3, border).astype("float32")


def located_digit(rng, digits, labels, warp, canvas=56):
    """Returns one noisy canvas with a digit, downscaled to half, and its class."""
    index = rng.integers(len(digits))
    image = np.zeros((canvas, canvas), "float32")
    top, left = rng.integers(canvas - 28 + 1, size=2)
    image[top : top + 28, left : left + 28] = digits[index]
    draws = rng.random(image.shape)
    image[draws < 0.1] = 1
    image[draws < 0.05] = 0
    return image.reshape(28, 2, 28, 2).mean(axis=(1, 3)), labels[index]


def cifar(rng, images, labels):
    """Returns a random crop of one whitened, enlarged image, mirrored half of the time."""
    index = rng.integers(len(images))
    top, left = rng.integers(5, size=2)
    image = images[index, top : top + 32, left : left + 32]
    return (image[:, ::-1] if rng.random() < 0.5 else image).copy(), labels[index]


def imagenet(rng, path, size=224):
    """Returns a random-resized crop of an image file, jittered, lit, perhaps mirrored."""
    import cv2

    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    height, width = image.shape[:2]
    for _ in range(10):
        area = height * width * rng.uniform(0.08, 1)
        aspect = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        h, w = round(np.sqrt(area / aspect)), round(np.sqrt(area * aspect))
        if h <= height and w <= width:
            break
    else:
        h = w = min(height, width)
    top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
    image = cv2.resize(image[top : top + h, left : left + w], (size, size)) / np.float32(255)
    brightness, contrast, saturation = rng.uniform(0.6, 1.4, 3).astype("float32")
    image *= brightness
    grey = image @ np.float32([0.299, 0.587, 0.114])
    image = contrast * image + (1 - contrast) * grey.mean()
    grey = image @ np.float32([0.299, 0.587, 0.114])
    image = saturation * image + (1 - saturation) * grey[..., None]
    image += (PCA_VECTORS @ (rng.normal(0, 0.1, 3) * PCA_VALUES)).astype("float32")
    if rng.random() < 0.5:
        image = image[:, ::-1]
    return (image - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])


def rotation(degrees):
    """Returns the matrix of a rotation."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cos, -sin], [sin, cos]])


def crop(image):
    """Returns an image without the black round its ink."""
    rows, columns = np.nonzero(image)
    return image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
