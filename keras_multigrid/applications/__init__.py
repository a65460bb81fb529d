"""The networks of the paper, with constructors as in Keras Applications."""

# fmt: off
# ruff: noqa: I001, RUF022
from keras_multigrid.applications.cifar import MG, PMG, RES, RMG, RPMG, VGG
from keras_multigrid.applications.comparators import DEEPLABSEG, DILATEDSEG, FPNSEG, HRNETSEG
from keras_multigrid.applications.dense_prediction import (
    PMGSEG, RPMGSEG, RSGSEG, SGSEG, UMGSEG, UNETSEG,
)
from keras_multigrid.applications.imagenet import RMG18, RMG34, RPMG30SEG, ResNet50, VGG16ImageNet
from keras_multigrid.applications.paper import (
    PAPER_MODELS, PaperModel, create_model, list_models, paper_model,
)
from keras_multigrid.applications.preprocessing import (
    decode_predictions, preprocess_digits, preprocess_input,
)
from keras_multigrid.applications.pretrained import list_weights
from keras_multigrid.applications.segmenter import segmenter
from keras_multigrid.applications.top_down import (
    BLImageNet1, BLImageNet2, BLMNIST1, BLMNIST2, BLMNIST3,
    TDImageNet1, TDImageNet2, TDMNIST1, TDMNIST2, TDMNIST3,
)
from keras_multigrid.top_down import TopDown

__all__ = [
    "VGG", "RES", "MG", "RMG", "PMG", "RPMG", "PMGSEG",
    "RPMGSEG", "RSGSEG", "SGSEG", "UMGSEG", "UNETSEG", "RMG18", "RMG34", "RPMG30SEG", "ResNet50",
    "VGG16ImageNet", "BLImageNet1", "BLImageNet2", "BLMNIST1", "BLMNIST2", "BLMNIST3",
    "TDImageNet1", "TDImageNet2", "TDMNIST1", "TDMNIST2", "TDMNIST3", "TopDown",
    "DEEPLABSEG", "DILATEDSEG", "FPNSEG", "HRNETSEG",
    "PAPER_MODELS", "PaperModel", "create_model", "list_models", "list_weights",
    "paper_model", "segmenter",
    "decode_predictions", "preprocess_digits", "preprocess_input",
]
