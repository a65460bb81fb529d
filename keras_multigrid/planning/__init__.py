"""How a training on one's own data is set up: what is measured of the data, and what follows."""

from keras_multigrid.planning.device import Device, find_device
from keras_multigrid.planning.fingerprint import Fingerprint, fingerprint
from keras_multigrid.planning.segmentation import plan_segmentation

__all__ = ["Device", "Fingerprint", "find_device", "fingerprint", "plan_segmentation"]
