"""The networks of the paper, with constructors as in Keras Applications."""

# fmt: off
# ruff: noqa: I001, RUF022
from keras_multigrid.applications.cifar_zoo import (
    VGG6, VGG11, VGG16, VGG21, MGsm6, MGsm11, MGsm16, MGsm21, MG6, MG11, MG16, MG21, PMGsm9,
    PMGsm16, PMGsm30, PMG9, PMG16, PMG30, RES12, RES22, RES32, RES42, RMGsm12, RMGsm22, RMGsm32,
    RMGsm42, RMG12, RMG22, RMG32, RMG42, RPMGsm16, RPMGsm30, RPMGsm44, RPMG16, RPMG30, RPMG44,
)
from keras_multigrid.applications.dense_prediction import (
    PMGSEG, RPMGSEG, RSGSEG, SGSEG, UMGSEG, UNETSEG,
)
from keras_multigrid.applications.imagenet import RMG18, RMG34, RPMG30SEG, ResNet50, VGG16ImageNet
from keras_multigrid.applications.paper import PAPER_MODELS, PaperModel, create_model, list_models
from keras_multigrid.applications.preprocessing import (
    decode_predictions, preprocess_digits, preprocess_input,
)
from keras_multigrid.applications.pretrained import list_weights
from keras_multigrid.applications.top_down import (
    BLImageNet1, BLImageNet2, BLMNIST1, BLMNIST2, BLMNIST3,
    TDImageNet1, TDImageNet2, TDMNIST1, TDMNIST2, TDMNIST3,
)
from keras_multigrid.top_down import TopDown

__all__ = [
    "VGG6", "VGG11", "VGG16", "VGG21", "MGsm6", "MGsm11", "MGsm16", "MGsm21", "MG6", "MG11",
    "MG16", "MG21", "PMGsm9", "PMGsm16", "PMGsm30", "PMG9", "PMG16", "PMG30", "RES12", "RES22",
    "RES32", "RES42", "RMGsm12", "RMGsm22", "RMGsm32", "RMGsm42", "RMG12", "RMG22", "RMG32",
    "RMG42", "RPMGsm16", "RPMGsm30", "RPMGsm44", "RPMG16", "RPMG30", "RPMG44", "PMGSEG",
    "RPMGSEG", "RSGSEG", "SGSEG", "UMGSEG", "UNETSEG", "RMG18", "RMG34", "RPMG30SEG", "ResNet50",
    "VGG16ImageNet", "BLImageNet1", "BLImageNet2", "BLMNIST1", "BLMNIST2", "BLMNIST3",
    "TDImageNet1", "TDImageNet2", "TDMNIST1", "TDMNIST2", "TDMNIST3", "TopDown",
    "PAPER_MODELS", "PaperModel", "create_model", "list_models", "list_weights",
    "decode_predictions", "preprocess_digits", "preprocess_input",
]
