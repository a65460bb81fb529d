"""The networks of the papers by name: how each is built, and the papers' own figures."""

import dataclasses
import difflib
import fnmatch
import inspect
from collections.abc import Callable

from keras.applications import resnet50, vgg16

from keras_multigrid import checks
from keras_multigrid.applications import cifar, comparators, imagenet, top_down
from keras_multigrid.applications import dense_prediction as dense
from keras_multigrid.applications.preprocessing import preprocess_digits, preprocess_input
from keras_multigrid.applications.top_down import preprocess_input as preprocess_top_down

MULTIGRID, SINGLE_GRID, TOP_DOWN, BASELINE = "multigrid", "single grid", "top-down", "baseline"
COMPARATOR = "comparator"


@dataclasses.dataclass(frozen=True)
class PaperModel:
    """A network of the papers.

    Attributes:
        name: The paper's name.
        constructor: The function that builds it, given `arguments`; `build` calls it.
        arguments: Arguments that choose it among the constructor's networks, such as
            `{"depth": 16, "small": True}`.
        kind: `"multigrid"` or `"single grid"`; in the second paper `"top-down"` or `"baseline"`,
            the convolutional network that a top-down one is compared to. `"comparator"` is of
            neither: what others use.
        family: The design, such as `"PMG"`: the same for plain and residual, small and large ones.
        residual: Whether it is made of residual units.
        preprocess_input: The function that prepares its images; None if it reads values from 0 to
            1, or images whitened as their data set is (CIFAR).
        params: The paper's count of parameters, in millions.
        macs: The paper's count of multiply-adds ("FLOPs"), in millions.
        scores: For each table of the papers that lists it, its scores there, in percent, such as
            `{"2": {"mean IoU": 61.88, "pixel error": 14.75}}`; `"II.3"` is Table 3 of the second
            paper, whose tables show designs and no scores.
    """

    name: str
    constructor: Callable
    arguments: dict = dataclasses.field(default_factory=dict)
    kind: str = MULTIGRID
    family: str = ""
    residual: bool = False
    preprocess_input: Callable | None = None
    params: float | None = None
    macs: float | None = None
    scores: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)

    @property
    def table(self):
        """The tables that list it, such as `"2, 3"`; empty if none does."""
        return ", ".join(self.scores)

    def arguments_with(self, **kwargs):
        """Returns the constructor's arguments: its own and more; `repeats` replaces its depth."""
        own = without_replaced(self.arguments, kwargs)
        for name in own.keys() & kwargs.keys():
            raise ValueError(f"{name} of {self.name} is {own[name]}; leave it out.")
        return {**own, **kwargs}

    def accepted(self, arguments):
        """Returns those of some arguments, a mapping, that the constructor has."""
        known = inspect.signature(self.constructor).parameters
        return {name: value for name, value in arguments.items() if name in known}

    def build(self, **kwargs):
        """Returns the network, built with more arguments of its constructor."""
        return self.constructor(**self.arguments_with(**kwargs))


def without_replaced(own, more):
    """Returns own arguments of a constructor, without the depth where more ones have `repeats`."""
    is_replaced = more.get("repeats") is not None
    return {name: value for name, value in own.items() if name != "depth" or not is_replaced}


CIFAR = {  # kind, family, residual
    cifar.VGG: (SINGLE_GRID, "VGG", False),
    cifar.RES: (SINGLE_GRID, "RES", True),
    cifar.MG: (MULTIGRID, "MG", False),
    cifar.RMG: (MULTIGRID, "MG", True),
    cifar.PMG: (MULTIGRID, "PMG", False),
    cifar.RPMG: (MULTIGRID, "PMG", True),
}


def _cifar(name, constructor, params, macs, error, **arguments):
    scores = {"1": {"error": error}}
    return PaperModel(name, constructor, arguments, *CIFAR[constructor], None, params, macs, scores)


def _dense(name, constructor, kind, family, residual, params, **scores):
    scores = {
        table.removeprefix("table"): {"mean IoU": iou, "pixel error": pixel_error}
        for table, (iou, pixel_error) in scores.items()
    }
    return PaperModel(
        name, constructor, {}, kind, family, residual, preprocess_digits, params, None, scores
    )


def _imagenet(name, constructor, kind, family, prepare, params, macs, errors, residual=True):
    names = ("top-1 error, 10 crops", "top-5 error, 10 crops", "top-1 error", "top-5 error")
    scores = {"4": dict(zip(names, errors))} if errors else {}
    return PaperModel(name, constructor, {}, kind, family, residual, prepare, params, macs, scores)


def _second_paper(name, constructor, kind, table, prepare=None):
    return PaperModel(name, constructor, {}, kind, preprocess_input=prepare, scores={table: {}})


PAPER_MODELS = (
    _cifar("VGG-6", cifar.VGG, 3.96, 67.88, 32.15, depth=6),
    _cifar("VGG-11", cifar.VGG, 9.46, 228.31, 30.26, depth=11),
    _cifar("VGG-16", cifar.VGG, 14.96, 388.75, 30.47, depth=16),
    _cifar("VGG-21", cifar.VGG, 20.46, 549.18, 31.89, depth=21),
    _cifar("MG-sm-6", cifar.MG, 3.28, 46.10, 33.83, depth=6, small=True),
    _cifar("MG-sm-11", cifar.MG, 8.02, 154.60, 31.55, depth=11, small=True),
    _cifar("MG-sm-16", cifar.MG, 12.75, 263.10, 32.59, depth=16, small=True),
    _cifar("MG-sm-21", cifar.MG, 17.49, 371.60, 34.21, depth=21, small=True),
    _cifar("MG-6", cifar.MG, 8.34, 116.63, 32.08, depth=6),
    _cifar("MG-11", cifar.MG, 20.46, 391.88, 28.39, depth=11),
    _cifar("MG-16", cifar.MG, 32.58, 667.13, 29.91, depth=16),
    _cifar("MG-21", cifar.MG, 44.69, 942.38, 30.03, depth=21),
    _cifar("PMG-sm-9", cifar.PMG, 3.33, 73.23, 32.38, depth=9, small=True),
    _cifar("PMG-sm-16", cifar.PMG, 8.07, 183.34, 30.47, depth=16, small=True),
    _cifar("PMG-sm-30", cifar.PMG, 12.82, 293.46, 31.06, depth=30, small=True),
    _cifar("PMG-9", cifar.PMG, 8.46, 186.21, 30.61, depth=9),
    _cifar("PMG-16", cifar.PMG, 20.60, 468.09, 28.11, depth=16),
    _cifar("PMG-30", cifar.PMG, 32.74, 749.98, 29.89, depth=30),
    _cifar("RES-12", cifar.RES, 9.50, 266.02, 28.64, depth=12),
    _cifar("RES-22", cifar.RES, 20.49, 586.93, 28.05, depth=22),
    _cifar("RES-32", cifar.RES, 31.49, 907.79, 27.12, depth=32),
    _cifar("RES-42", cifar.RES, 42.48, 1228.65, 27.60, depth=42),
    _cifar("R-MG-sm-12", cifar.RMG, 8.06, 180.12, 30.24, depth=12, small=True),
    _cifar("R-MG-sm-22", cifar.RMG, 17.52, 397.11, 28.65, depth=22, small=True),
    _cifar("R-MG-sm-32", cifar.RMG, 26.99, 614.11, 29.27, depth=32, small=True),
    _cifar("R-MG-sm-42", cifar.RMG, 36.46, 831.11, 26.85, depth=42, small=True),
    _cifar("R-MG-12", cifar.RMG, 20.56, 457.20, 27.84, depth=12),
    _cifar("R-MG-22", cifar.RMG, 44.79, 1007.70, 26.79, depth=22),
    _cifar("R-MG-32", cifar.RMG, 69.02, 1558.20, 25.29, depth=32),
    _cifar("R-MG-42", cifar.RMG, 93.26, 2108.71, 26.32, depth=42),
    _cifar("R-PMG-sm-16", cifar.RPMG, 8.07, 183.34, 29.41, depth=16, small=True),
    _cifar("R-PMG-sm-30", cifar.RPMG, 17.56, 403.57, 27.68, depth=30, small=True),
    _cifar("R-PMG-sm-44", cifar.RPMG, 27.05, 623.79, 27.00, depth=44, small=True),
    _cifar("R-PMG-16", cifar.RPMG, 20.60, 468.09, 27.35, depth=16),
    _cifar("R-PMG-30", cifar.RPMG, 44.88, 1031.87, 26.44, depth=30),
    _cifar("R-PMG-44", cifar.RPMG, 69.16, 1595.64, 26.68, depth=44),
    _dense(
        "U-NET-11", dense.UNETSEG, SINGLE_GRID, "U-NET", False, 3.79,
        table2=(58.46, 22.14), table3=(12.20, 37.55),
    ),
    _dense("U-MG-11", dense.UMGSEG, MULTIGRID, "U-MG", False, 5.90, table2=(58.02, 21.45)),
    _dense(
        "SG-11", dense.SGSEG, SINGLE_GRID, "SG", False, 0.23,
        table2=(32.21, 22.33), table3=(0.0, 100.0),
    ),
    _dense(
        "R-SG-20", dense.RSGSEG, SINGLE_GRID, "SG", True, 0.45,
        table2=(69.86, 14.43), table3=(0.0, 82.98),
    ),
    _dense(
        "PMG-11", dense.PMGSEG, MULTIGRID, "PMG", False, 0.61,
        table2=(61.88, 14.75), table3=(50.64, 29.20),
    ),
    _dense(
        "R-PMG-20", dense.RPMGSEG, MULTIGRID, "PMG", True, 1.20,
        table2=(81.91, 8.89), table3=(55.61, 25.59),
    ),
    _imagenet(
        "VGG-16-ImageNet", imagenet.VGG16ImageNet, SINGLE_GRID, "VGG", vgg16.preprocess_input,
        138.0, 15470.0, (28.07, 9.33), residual=False,
    ),
    _imagenet(
        "ResNet-50", imagenet.ResNet50, SINGLE_GRID, "RES", resnet50.preprocess_input,
        25.6, 4460.0, (22.85, 6.71),
    ),
    _imagenet("R-MG-18", imagenet.RMG18, MULTIGRID, "MG", preprocess_input, None, None, ()),
    _imagenet(
        "R-MG-34", imagenet.RMG34, MULTIGRID, "MG", preprocess_input,
        32.9, 5760.0, (22.42, 6.12, 24.51, 7.46),
    ),
    _imagenet(
        "R-PMG-30-SEG", imagenet.RPMG30SEG, MULTIGRID, "PMG", preprocess_input,
        31.9, 2770.0, (23.60, 6.89, 26.50, 8.63),
    ),
    _second_paper("M1-MNIST", top_down.TDMNIST1, TOP_DOWN, "II.3"),
    _second_paper("BL1-MNIST", top_down.BLMNIST1, BASELINE, "II.3"),
    _second_paper("M2-MNIST", top_down.TDMNIST2, TOP_DOWN, "II.2"),
    _second_paper("BL2-MNIST", top_down.BLMNIST2, BASELINE, "II.2"),
    _second_paper("M3-MNIST", top_down.TDMNIST3, TOP_DOWN, "II.1"),
    _second_paper("BL3-MNIST", top_down.BLMNIST3, BASELINE, "II.1"),
    _second_paper("M1-ImageNet", top_down.TDImageNet1, TOP_DOWN, "II.5", preprocess_top_down),
    _second_paper("BL1-ImageNet", top_down.BLImageNet1, BASELINE, "II.5", preprocess_top_down),
    _second_paper("M2-ImageNet", top_down.TDImageNet2, TOP_DOWN, "II.4", preprocess_top_down),
    _second_paper("BL2-ImageNet", top_down.BLImageNet2, BASELINE, "II.4", preprocess_top_down),
)  # fmt: skip
COMPARATORS = tuple(
    PaperModel(name, constructor, kind=COMPARATOR, family=family, residual=True)
    for name, constructor, family in (
        ("ResNet-FPN", comparators.FPNSEG, "FPN"),
        ("DeepLabV3plus", comparators.DEEPLABSEG, "DeepLab"),
        ("Dilated-SG", comparators.DILATEDSEG, "SG"),
        ("HRNet", comparators.HRNETSEG, "HRNet"),
    )
)


def list_models(pattern="*"):
    """Lists the paper's names of the networks.

    Args:
        pattern: Shell-style pattern, such as `"R-*"`; case counts.

    Returns:
        A sorted list of names.

    Example:

    >>> import keras_multigrid as kmg
    >>> kmg.applications.list_models("PMG-*")
    ['PMG-11', 'PMG-16', 'PMG-30', 'PMG-9', 'PMG-sm-16', 'PMG-sm-30', 'PMG-sm-9']
    """
    checks.texts(pattern=pattern)
    return sorted(model.name for model in PAPER_MODELS if fnmatch.fnmatchcase(model.name, pattern))


def create_model(name, **kwargs):
    """Builds a network by the paper's name, or one that they are compared with.

    Args:
        name: A name that `list_models` lists; or `"ResNet-FPN"`, `"DeepLabV3plus"`,
            `"Dilated-SG"` or `"HRNet"`.
        **kwargs: The constructor's arguments, except those that the name stands for.

    Returns:
        A functional `keras.Model`, or a `TopDown`.

    Raises:
        ValueError: If there is no such network, or an argument is invalid.

    Example:

    >>> import keras_multigrid as kmg
    >>> kmg.applications.create_model("PMG-11", classes=3).output_shape
    (None, 64, 64, 3)
    """
    return paper_model(name).build(**kwargs)


def paper_model(name):
    """Returns what is known about a network: its row in the table of the papers' networks.

    Args:
        name: A name that `create_model` takes.

    Returns:
        A `PaperModel`.

    Raises:
        ValueError: If there is no such network.

    Example:

    >>> import keras_multigrid as kmg
    >>> row = kmg.applications.paper_model("R-MG-sm-22")
    >>> row.arguments, row.residual, row.scores["1"]["error"]
    ({'depth': 22, 'small': True}, True, 28.65)
    """
    checks.texts(name=name)
    models = {model.name: model for model in (*PAPER_MODELS, *COMPARATORS)}
    if name in models:
        return models[name]
    names = {known.upper(): known for known in models}
    nearest = difflib.get_close_matches(name.upper(), names, n=3, cutoff=0.4)
    raise ValueError(
        f"There is no network {name!r}; nearest: "
        f"{', '.join(names[match] for match in nearest) or 'none'}. "
        "keras_multigrid.applications.list_models() lists them all."
    )
