"""TensorFlow Datasets builders of the drawn data: prepared once, the same for everyone.

Importing this module registers them: then `tfds.load("mnist_segmentation/digits")` works. `tfds
build --imports keras_multigrid.datasets.builders mnist_segmentation` prepares one from the command
line.
"""

import dataclasses
import sys
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from keras_multigrid import checks
from keras_multigrid.datasets.digits import SOURCES, load_digits
from keras_multigrid.datasets.located_digits import BACKGROUNDS, CANVAS, LocatedDigits
from keras_multigrid.datasets.pipeline import draw_batches
from keras_multigrid.datasets.segmentation import CLASSES, Segmentation
from keras_multigrid.datasets.spatial_transformer import DISTORTIONS, SpatialTransformer

SPLITS = ("train", "validation", "test")
CHUNK = 200  # samples drawn at once; what is drawn depends on it
RECORD_OVERHEAD = 16  # bytes of lengths and checksums round a record of a TFRecord file

MULTIGRID_PAPER = """
@inproceedings{ke2017multigrid,
  author = {Ke, Tsung-Wei and Maire, Michael and Yu, Stella X.},
  title = {Multigrid Neural Architectures},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition},
  year = {2017}
}
"""
TOP_DOWN_PAPER = """
@misc{topdown2020,
  title = {Image Classification Through Top-Down Image Pyramid Traversal},
  note = {Under review as a conference paper at ICLR 2020}
}
"""
SOURCES_TEXT = (
    "The splits draw from disjoint handwritten digits: MNIST's first {training:,} training images, "
    "its other training images, and its test images; or, where the configuration's name contains "
    "'digits', the first 1,297, the next 200 and the last 300 of the 1,797 that scikit-learn "
    "ships, enlarged to 28x28, for which nothing is downloaded."
)


def configuration_name(source, variant=""):
    """Returns the name of a configuration; beside a variant the source is named if not MNIST."""
    if not variant:
        return source
    return variant if source == "mnist" else f"{variant}_{source}"


@dataclasses.dataclass
class DrawnConfig(tfds.core.BuilderConfig):
    """What is drawn.

    Attributes:
        source: Source of digits, `"mnist"` or `"digits"`.
        variant: Variant of the task, where it has several.
        seed: Seed of the drawing, an integer of at least 0.
    """

    source: str = "mnist"
    variant: str = ""
    seed: int = 0

    def drawn(self):
        """Returns what the samples depend on, by name."""
        return {"source": self.source, "variant": self.variant, "seed": int(self.seed)}


def _configs(variants=("",)):
    """Returns a configuration for each source and variant."""
    return [
        DrawnConfig(
            name=configuration_name(source, variant),
            description=f"{variant.capitalize()}, of the digits of {source}."
            if variant
            else f"Digits of {source}.",
            source=source,
            variant=variant,
        )
        for source in SOURCES
        for variant in variants
    ]


class _DrawnDigits(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Draws on all cores, from the seed alone, and prepares again what is not complete."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    TRAINING_DIGITS = 50_000

    def download_and_prepare(self, *, download_config=None, **kwargs):
        """Prepares the data set, again if it is not complete.

        Raises:
            ValueError: If a configuration of the same name, with other settings, was prepared here.
        """
        download_config = download_config or tfds.download.DownloadConfig()
        overwrite = download_config.download_mode.overwrite_dataset
        if self.data_path.exists() and not overwrite:
            self._check_same_drawing()
            if not self.is_prepared():
                print(f"{self.data_path} is not complete; it is made again.", file=sys.stderr)
                download_config = dataclasses.replace(
                    download_config, download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS
                )
        self.info.metadata.update(self.builder_config.drawn())  # in place of what was there
        super().download_and_prepare(download_config=download_config, **kwargs)

    def as_dataset(self, *args, **kwargs):
        """Returns the samples as a `tf.data.Dataset`, if they are of this configuration."""
        self._check_same_drawing()
        return super().as_dataset(*args, **kwargs)

    def as_data_source(self, *args, **kwargs):
        """Returns the samples as a data source, if they are of this configuration."""
        self._check_same_drawing()
        return super().as_data_source(*args, **kwargs)

    def is_prepared(self):
        """Returns whether the data set is there, with all files in their full length."""
        return (
            super().is_prepared()
            and set(self.info.splits) == set(SPLITS)
            and all(_is_complete(split) for split in self.info.splits.values())
        )

    def _check_same_drawing(self):
        """Raises a `ValueError` if the folder has what other settings drew."""
        asked, there = self.builder_config.drawn(), dict(self.info.metadata)
        if there != asked:
            raise ValueError(
                f"{self.data_path} was drawn with {there}; expected {asked}. Give the "
                "configuration another name, or prepare it with download_mode="
                "'reuse_cache_if_exists' to overwrite what is there."
            )

    def _check_config(self):
        config = self.builder_config
        if not isinstance(config, DrawnConfig):
            raise ValueError(f"config is {config!r}; expected a name or a DrawnConfig.")
        for name in ("source", "variant"):
            value = getattr(config, name)
            choices = dict.fromkeys(getattr(known, name) for known in self.BUILDER_CONFIGS)
            if value not in [*choices]:
                expected = " or ".join(map(repr, choices))
                raise ValueError(f"config has the {name} {value!r}; expected {expected}.")
        checks.integers(0, **{"config.seed": config.seed})

    def _describe(self, text, target, feature, citation):
        self._check_config()
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{text} {SOURCES_TEXT.format(training=self.TRAINING_DIGITS)}",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=self.IMAGE_SHAPE, encoding_format="png"),
                    target: feature,
                }
            ),
            supervised_keys=("image", target),
            citation=citation,
            disable_shuffling=True,  # they are drawn at random
            metadata=tfds.core.MetadataDict(self.builder_config.drawn()),
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split):
        import tensorflow as tf

        config = self.builder_config
        digits, labels = load_digits(
            split,
            source=config.source,
            data_dir=self._data_dir_root,
            training_digits=self.TRAINING_DIGITS,
        )
        _, target = self.info.supervised_keys
        dtype = self.info.features[target].tf_dtype

        def encode(image, drawn):
            pixels = tf.cast(tf.round(255 * image), tf.uint8)
            return {"image": tf.io.encode_png(pixels), target: tf.cast(drawn, dtype)}

        # Neighbouring seeds must not share streams: each has one for every split.
        seed = len(SPLITS) * config.seed + SPLITS.index(split)
        draw = self._drawing(digits, labels)
        samples = getattr(draw, "SAMPLES", {}).get(split, len(digits))
        batches = draw_batches(draw, samples, CHUNK, seed=seed)
        examples = batches.unbatch().map(encode, num_parallel_calls=tf.data.AUTOTUNE)
        yield from enumerate(examples.prefetch(CHUNK).as_numpy_iterator())


def _is_complete(split):
    if not all(path.exists() for path in split.filepaths):
        return False
    lengths = [path.stat().length for path in split.filepaths]
    if split.filename_template.filetype_suffix != "tfrecord":  # readers of others know their end
        return all(lengths)
    return sum(lengths) == split.num_bytes + RECORD_OVERHEAD * split.num_examples


def _masks(count):
    return tfds.features.Tensor(
        shape=(64, 64, count), dtype=np.bool_, encoding=tfds.features.Encoding.ZLIB
    )


class MnistSegmentation(_DrawnDigits):
    """About five overlapping digits, a mask for each class (paper 1, section 4.2)."""

    BUILDER_CONFIGS = _configs()
    IMAGE_SHAPE = (64, 64, 1)

    def _info(self):
        return self._describe(
            "Images of about five overlapping, rotated and scaled digits, and a mask for each of "
            "the ten classes.",
            "masks",
            _masks(CLASSES),
            MULTIGRID_PAPER,
        )

    def _drawing(self, digits, labels):
        return Segmentation(digits, labels)


class MnistSpatialTransformer(_DrawnDigits):
    """A distorted digit, and the mask of the untouched one (paper 1, section 4.3)."""

    BUILDER_CONFIGS = _configs(DISTORTIONS)
    IMAGE_SHAPE = (64, 64, 1)

    def _info(self):
        return self._describe(
            "Images of a digit after random rotation, shearing, scaling and translation, or one "
            "of them alone, and the mask of the untouched digit in the centre.",
            "mask",
            _masks(1),
            MULTIGRID_PAPER,
        )

    def _drawing(self, digits, labels):
        return SpatialTransformer(digits, distortion=DISTORTIONS[self.builder_config.variant])


class LocatedMnist(_DrawnDigits):
    """A digit at a random place of a larger canvas, to be classified (paper 2, section 4.1)."""

    BUILDER_CONFIGS = _configs(BACKGROUNDS)
    IMAGE_SHAPE = (CANVAS, CANVAS, 1)
    TRAINING_DIGITS = LocatedDigits.TRAINING_DIGITS

    def _info(self):
        return self._describe(
            "A digit at a random place of a canvas that is black, noisy, or textured like grass.",
            "label",
            tfds.features.ClassLabel(num_classes=CLASSES),
            TOP_DOWN_PAPER,
        )

    def _drawing(self, digits, labels):
        return LocatedDigits(digits, labels, self.builder_config.variant)
