"""One function for all data sets, by name."""

import functools
import inspect

from keras_multigrid import checks
from keras_multigrid.datasets.cifar import load_cifar
from keras_multigrid.datasets.drawn import (
    load_located_digits,
    load_segmentation,
    load_spatial_transformer,
)
from keras_multigrid.datasets.image_folder import load_image_folder
from keras_multigrid.datasets.imagenet import load_imagenet

LOADERS = {
    "mnist_segmentation": load_segmentation,
    "mnist_spatial_transformer": load_spatial_transformer,
    "located_mnist": load_located_digits,
    "cifar10": functools.partial(load_cifar, "cifar10"),
    "cifar100": functools.partial(load_cifar, "cifar100"),
    "imagenet2012": load_imagenet,
    "image_folder": load_image_folder,
}


def load(
    name,
    split,
    batch_size,
    *,
    source="mnist",
    shuffle=None,
    seed=0,
    data_dir=None,
    first_batch=None,
    share=(0, 1),
    **options,
):
    """Returns a data set of the papers, by name, as batches of images and targets.

    The same seed gives the same data, whatever the number of threads; each pass over a shuffled,
    augmented or freshly drawn set is another one. Iterators are checkpointable: a
    `tf.train.Checkpoint` of one continues exactly. The names, and the options of each:

    - `"mnist_segmentation"`, by `load_segmentation`: `fresh`
    - `"mnist_spatial_transformer"`, by `load_spatial_transformer`: `fresh`, `variant`
    - `"located_mnist"`, by `load_located_digits`: `fresh`, `variant`, `size`
    - `"cifar10"`, `"cifar100"`, by `load_cifar`: `augment`, `whitening`
    - `"imagenet2012"`, by `load_imagenet`: `augment`, `augmentation`, `image_size`, `ten_crop`
    - `"image_folder"`, by `load_image_folder`: the same, and `on_error`, `class_names`, `skipped`

    Args:
        name: One of the above; a variant may be part of it, as in `"located_mnist/noisy"`.
        split: `"train"`, `"validation"` or `"test"`, as far as the set has them; of an image
            folder, its sub-folder.
        batch_size: Samples per batch; the last one of a pass may have fewer.
        source: Source of digits: `"mnist"`, or `"digits"` of scikit-learn, which needs no
            download; other sets ignore it.
        shuffle: Whether each pass has another order; None shuffles training data.
        seed: Seed, an integer.
        data_dir: Where TensorFlow Datasets keeps its data, None is its own default; or the image
            folder, whose `train` folder names the classes of all splits.
        first_batch: None is one pass, another each time. A number begins with that batch, counted
            from 0 over all passes, and goes on without end, so that training can be resumed: the
            smaller last batch of a pass is left out, and each iteration gives the same.
        share: `(process, processes)`: a batch is that of all processes together, which must divide
            it, and this process gets its part: the first, if `process` is 0. What there is of a
            smaller last batch is not spread evenly: the last processes may get no batch.
        **options: Of the function named above.

    Returns:
        A `tf.data.Dataset` of `(images, targets)`.

    Raises:
        ValueError: If there is no such name, split, variant or option, an argument is wrong,
            `batch_size` is not a multiple of the number of processes, or, with `first_batch`, a
            pass has no full batch.
        OSError: If the data can neither be read nor downloaded.

    Example:

    >>> import keras_multigrid as kmg
    >>> data = kmg.datasets.load("located_mnist/noisy", "test", 100, source="digits", size=28)
    >>> [tuple(images.shape) for images, labels in data]
    [(100, 28, 28, 1), (100, 28, 28, 1), (100, 28, 28, 1)]
    """
    checks.texts(name=name)
    name, _, variant = name.partition("/")
    if name not in LOADERS:
        raise ValueError(f"There is no data set {name!r}; expected one of {', '.join(LOADERS)}.")
    if variant:
        options["variant"] = variant
    loader = LOADERS[name]
    accepted = inspect.signature(loader).parameters
    for option in options:
        if option not in accepted:
            raise ValueError(
                f"{name} has no option {option!r}; expected one of {', '.join(accepted)}."
            )
    if "source" in accepted:
        options["source"] = source
    options.update(
        shuffle=shuffle, seed=seed, data_dir=data_dir, first_batch=first_batch, share=share
    )
    return loader(split=split, batch_size=batch_size, **options)
