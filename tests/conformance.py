"""Every public layer and constructor, declared once for the checks of `test_conformance.py`."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

import keras_multigrid as kmg

layers = kmg.layers
zoo = kmg.applications


@dataclasses.dataclass(frozen=True)
class Case:
    """A public name, and how to try it.

    Attributes:
        name: The name in `kmg.layers` or `kmg.applications`.
        make: Makes a layer, given Keras' own layer arguments, or a model, given none.
        inputs: Shapes of the layer's positional arguments, without the batch; a list of shapes is
            a pyramid. Models know theirs.
        slow: Whether it is tried with `--runslow` only.
        alike: Whether another case stands for it by default, so that it is slow as well.
        export: Whether the model is exported as SavedModel by default, which takes long; with
            `--runslow` all are that are not slow.
    """

    name: str
    make: Callable
    inputs: tuple = ()
    slow: bool = False
    alike: bool = False
    export: bool = False

    def model(self):
        """Returns the model, or a functional one around the layer."""
        if not self.inputs:
            return self.make()
        arguments = [
            [keras.Input(grid) for grid in shape] if isinstance(shape, list) else keras.Input(shape)
            for shape in self.inputs
        ]
        inputs = keras.tree.flatten(arguments)
        outputs = self.make()(*arguments)
        return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=self.name)


def random_inputs(model, batch=2):
    """Returns float32 arrays for the inputs of a model: one, or a list."""
    rng = np.random.default_rng(0)
    arrays = [
        rng.normal(size=(batch, *tensor.shape[1:])).astype("float32") for tensor in model.inputs
    ]
    return arrays if len(arrays) > 1 else arrays[0]


PYRAMID = [(7, 5, 3), (4, 3, 4), (2, 2, 2)]
LARGER = [(8, 6, 1), (4, 3, 2), (2, 2, 3)]

LAYERS = [
    Case("ImagePyramid", lambda **o: layers.ImagePyramid(3, **o), ((7, 5, 3),)),
    Case(
        "MultigridConv2D",
        lambda **o: layers.MultigridConv2D([4, 3], [3, 1], kernel_regularizer="l2", **o),
        (PYRAMID,),
    ),
    Case(
        "MultigridConv2DTranspose",
        lambda **o: layers.MultigridConv2DTranspose([4, 3, 2], 3, bias_regularizer="l1", **o),
        (PYRAMID,),
    ),
    Case(
        "MultigridMaxPooling2D",
        lambda **o: layers.MultigridMaxPooling2D(merge=True, **o),
        (PYRAMID,),
    ),
    Case(
        "PerGrid",
        lambda **o: layers.PerGrid(keras.layers.Conv2D(3, 3, activation="relu"), **o),
        ([(9, 7, 2), (5, 4, 3)],),
    ),
    Case("CroppedPyramid", lambda **o: layers.CroppedPyramid(**o), ([(7, 5, 3), (4, 4, 2)],)),
    Case("ChannelPadding", lambda **o: layers.ChannelPadding(6, **o), ((7, 5, 3),)),
    Case("PaddingToMultiple", lambda **o: layers.PaddingToMultiple(8, **o), ((7, 9, 3),)),
    Case(
        "UpSamplingLike",
        lambda **o: layers.UpSamplingLike(4, "bilinear", **o),
        ((3, 2, 5), (9, 7, 3)),
    ),
    Case("ResizedCentre", lambda **o: layers.ResizedCentre(4, shorter=5, **o), ((7, 9, 3),)),
    Case("SkipConcatenate", lambda **o: layers.SkipConcatenate(**o), (PYRAMID, LARGER)),
    Case(
        "FusedBatchNormalization",
        lambda **o: layers.FusedBatchNormalization(epsilon=1e-5, momentum=0.9, **o),
        ((7, 5, 3),),
    ),
    Case(
        "UnfusedBiasConv2D",
        lambda **o: layers.UnfusedBiasConv2D(3, 3, activation="relu", **o),
        ((7, 5, 3),),
    ),
    Case("ZCAWhitening", lambda **o: layers.ZCAWhitening(epsilon=1e-6, **o), ((7, 5, 3),)),
]


def cifar(name, **options):
    return Case(name, lambda: small(name, (9, 11, 3), repeats=1), **options)


def dense_prediction(name, **options):
    return Case(name, lambda: small(name, (9, 11, 1)), **options)


def small(name, input_shape, **options):
    constructor = getattr(zoo, name)
    return constructor(input_shape=input_shape, width_multiplier=0.05, classes=7, **options)


def top_down(name, side, channels, **options):
    """A top-down network at a fixed size is functional; by threshold its outputs are repeatable."""

    def make():
        image = keras.Input((side, side, channels))
        return getattr(zoo, name)(
            input_tensor=image, levels=2, sample=False, width_multiplier=0.1, classes=7
        )

    return Case(name, make, **options)


# By default one of each family; the others differ from it in depth, width or what they leave out.
MODELS = [
    cifar("VGG", alike=True),
    cifar("RES", export=True),
    cifar("MG", alike=True),
    cifar("RMG", alike=True),
    cifar("PMG", alike=True),
    cifar("RPMG"),
    dense_prediction("PMGSEG"),
    dense_prediction("RPMGSEG", alike=True),
    dense_prediction("SGSEG", alike=True),
    dense_prediction("RSGSEG", alike=True),
    dense_prediction("UNETSEG", alike=True),
    dense_prediction("UMGSEG", export=True),
    dense_prediction("FPNSEG", alike=True),
    dense_prediction("DEEPLABSEG"),
    dense_prediction("DILATEDSEG", alike=True),
    dense_prediction("HRNETSEG", alike=True),
    Case("RMG18", lambda: small("RMG18", (33, 35, 3))),
    Case("RMG34", lambda: small("RMG34", (33, 35, 3)), slow=True),
    Case("RPMG30SEG", lambda: small("RPMG30SEG", (33, 35, 3)), alike=True),
    top_down("TDMNIST1", 28, 1, export=True),
    top_down("TDMNIST2", 28, 1, slow=True),
    top_down("TDMNIST3", 28, 1, alike=True),
    top_down("TDImageNet1", 64, 3, slow=True),
    top_down("TDImageNet2", 64, 3, slow=True),
    dense_prediction("BLMNIST1", slow=True),
    dense_prediction("BLMNIST2", slow=True),
    dense_prediction("BLMNIST3"),
    Case("BLImageNet1", lambda: small("BLImageNet1", (9, 11, 3)), slow=True),
    Case("BLImageNet2", lambda: small("BLImageNet2", (9, 11, 3)), slow=True),
    Case("ResNet50", lambda: zoo.ResNet50(False, input_shape=(32, 32, 3)), slow=True),
    Case("VGG16ImageNet", lambda: zoo.VGG16ImageNet(False, input_shape=(32, 32, 3)), slow=True),
]
