"""The networks of the papers by name, with the papers' own counts."""

import dataclasses
import difflib
import fnmatch
from collections.abc import Callable

from keras_multigrid import checks
from keras_multigrid.applications import cifar_zoo as cifar
from keras_multigrid.applications import dense_prediction as dense
from keras_multigrid.applications import imagenet, top_down


@dataclasses.dataclass(frozen=True)
class PaperModel:
    """A row of the paper's tables.

    Attributes:
        name: The paper's name.
        constructor: The function that builds it.
        table: Where the paper lists it, "II.3" is Table 3 of the second paper; empty for what it
            does not list.
        params: The paper's count of parameters, in millions.
        macs: The paper's count of multiply-adds ("FLOPs"), in millions.
    """

    name: str
    constructor: Callable
    table: str = ""
    params: float | None = None
    macs: float | None = None


PAPER_MODELS = (
    PaperModel("VGG-6", cifar.VGG6, "1", 3.96, 67.88),
    PaperModel("VGG-11", cifar.VGG11, "1", 9.46, 228.31),
    PaperModel("VGG-16", cifar.VGG16, "1", 14.96, 388.75),
    PaperModel("VGG-21", cifar.VGG21, "1", 20.46, 549.18),
    PaperModel("MG-sm-6", cifar.MGsm6, "1", 3.28, 46.10),
    PaperModel("MG-sm-11", cifar.MGsm11, "1", 8.02, 154.60),
    PaperModel("MG-sm-16", cifar.MGsm16, "1", 12.75, 263.10),
    PaperModel("MG-sm-21", cifar.MGsm21, "1", 17.49, 371.60),
    PaperModel("MG-6", cifar.MG6, "1", 8.34, 116.63),
    PaperModel("MG-11", cifar.MG11, "1", 20.46, 391.88),
    PaperModel("MG-16", cifar.MG16, "1", 32.58, 667.13),
    PaperModel("MG-21", cifar.MG21, "1", 44.69, 942.38),
    PaperModel("PMG-sm-9", cifar.PMGsm9, "1", 3.33, 73.23),
    PaperModel("PMG-sm-16", cifar.PMGsm16, "1", 8.07, 183.34),
    PaperModel("PMG-sm-30", cifar.PMGsm30, "1", 12.82, 293.46),
    PaperModel("PMG-9", cifar.PMG9, "1", 8.46, 186.21),
    PaperModel("PMG-16", cifar.PMG16, "1", 20.60, 468.09),
    PaperModel("PMG-30", cifar.PMG30, "1", 32.74, 749.98),
    PaperModel("RES-12", cifar.RES12, "1", 9.50, 266.02),
    PaperModel("RES-22", cifar.RES22, "1", 20.49, 586.93),
    PaperModel("RES-32", cifar.RES32, "1", 31.49, 907.79),
    PaperModel("RES-42", cifar.RES42, "1", 42.48, 1228.65),
    PaperModel("R-MG-sm-12", cifar.RMGsm12, "1", 8.06, 180.12),
    PaperModel("R-MG-sm-22", cifar.RMGsm22, "1", 17.52, 397.11),
    PaperModel("R-MG-sm-32", cifar.RMGsm32, "1", 26.99, 614.11),
    PaperModel("R-MG-sm-42", cifar.RMGsm42, "1", 36.46, 831.11),
    PaperModel("R-MG-12", cifar.RMG12, "1", 20.56, 457.20),
    PaperModel("R-MG-22", cifar.RMG22, "1", 44.79, 1007.70),
    PaperModel("R-MG-32", cifar.RMG32, "1", 69.02, 1558.20),
    PaperModel("R-MG-42", cifar.RMG42, "1", 93.26, 2108.71),
    PaperModel("R-PMG-sm-16", cifar.RPMGsm16, "1", 8.07, 183.34),
    PaperModel("R-PMG-sm-30", cifar.RPMGsm30, "1", 17.56, 403.57),
    PaperModel("R-PMG-sm-44", cifar.RPMGsm44, "1", 27.05, 623.79),
    PaperModel("R-PMG-16", cifar.RPMG16, "1", 20.60, 468.09),
    PaperModel("R-PMG-30", cifar.RPMG30, "1", 44.88, 1031.87),
    PaperModel("R-PMG-44", cifar.RPMG44, "1", 69.16, 1595.64),
    PaperModel("U-NET-11", dense.UNETSEG, "2, 3", 3.79),
    PaperModel("U-MG-11", dense.UMGSEG, "2", 5.90),
    PaperModel("SG-11", dense.SGSEG, "2, 3", 0.23),
    PaperModel("R-SG-20", dense.RSGSEG, "2, 3", 0.45),
    PaperModel("PMG-11", dense.PMGSEG, "2, 3", 0.61),
    PaperModel("R-PMG-20", dense.RPMGSEG, "2, 3", 1.20),
    PaperModel("VGG-16-ImageNet", imagenet.VGG16ImageNet, "4", 138.0, 15470.0),
    PaperModel("ResNet-50", imagenet.ResNet50, "4", 25.6, 4460.0),
    PaperModel("R-MG-18", imagenet.RMG18),
    PaperModel("R-MG-34", imagenet.RMG34, "4", 32.9, 5760.0),
    PaperModel("R-PMG-30-SEG", imagenet.RPMG30SEG, "4", 31.9, 2770.0),
    PaperModel("M1-MNIST", top_down.TDMNIST1, "II.3"),
    PaperModel("BL1-MNIST", top_down.BLMNIST1, "II.3"),
    PaperModel("M2-MNIST", top_down.TDMNIST2, "II.2"),
    PaperModel("BL2-MNIST", top_down.BLMNIST2, "II.2"),
    PaperModel("M3-MNIST", top_down.TDMNIST3, "II.1"),
    PaperModel("BL3-MNIST", top_down.BLMNIST3, "II.1"),
    PaperModel("M1-ImageNet", top_down.TDImageNet1, "II.5"),
    PaperModel("BL1-ImageNet", top_down.BLImageNet1, "II.5"),
    PaperModel("M2-ImageNet", top_down.TDImageNet2, "II.4"),
    PaperModel("BL2-ImageNet", top_down.BLImageNet2, "II.4"),
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
    """Builds a network by the paper's name.

    Args:
        name: A name that `list_models` lists.
        **kwargs: The constructor's arguments.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: If there is no such network, or an argument is invalid.

    Example:

    >>> import keras_multigrid as kmg
    >>> kmg.applications.create_model("PMG-11", classes=3).output_shape
    (None, 64, 64, 3)
    """
    checks.texts(name=name)
    return paper_model(name).constructor(**kwargs)


def paper_model(name):
    """Returns the `PaperModel` of a name, or raises the `ValueError` of `create_model`."""
    for model in PAPER_MODELS:
        if model.name == name:
            return model
    names = {known.upper(): known for known in list_models()}
    nearest = difflib.get_close_matches(str(name).upper(), names, n=3, cutoff=0.4)
    raise ValueError(
        f"There is no network {name!r}; nearest: "
        f"{', '.join(names[match] for match in nearest) or 'none'}. "
        "keras_multigrid.applications.list_models() lists them all."
    )
