"""How a training on one's own data is set up: what is measured of the data, and what follows."""

from keras_multigrid.planning.class_fingerprint import ClassFingerprint, class_fingerprint
from keras_multigrid.planning.classification import plan_classification
from keras_multigrid.planning.device import Device, find_device
from keras_multigrid.planning.fingerprint import Fingerprint, fingerprint
from keras_multigrid.planning.segmentation import plan_segmentation

__all__ = [
    "ClassFingerprint",
    "Device",
    "Fingerprint",
    "class_fingerprint",
    "find_device",
    "fingerprint",
    "plan_classification",
    "plan_segmentation",
]
