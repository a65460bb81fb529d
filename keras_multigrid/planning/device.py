"""What a training will run on."""

import dataclasses
import subprocess

import keras


@dataclasses.dataclass(frozen=True, kw_only=True)
class Device:
    """The kind of device, and what it is good at.

    Attributes:
        kind: `"cpu"`, `"gpu"` or `"tpu"`.
        bfloat16: Whether it computes faster in bfloat16.
        memory: Of one device, in bytes; None where that is not known, or does not matter.
    """

    kind: str = "cpu"
    bfloat16: bool = False
    memory: int | None = None


def find_device():
    """Returns the `Device` of Keras' backend; several are taken to be alike."""
    names = keras.distribution.list_devices()
    kinds = {name.split(":")[0].lower() for name in names}
    kind = next((kind for kind in ("gpu", "tpu") if kind in kinds), "cpu")
    if kind == "tpu":
        return Device(kind=kind, bfloat16=True)
    if kind == "cpu":
        return Device()
    newer = _gpu_capability() >= 8  # from Ampere on
    return Device(kind=kind, bfloat16=newer, memory=_gpu_memory())


def _gpu_capability():
    """Returns the compute capability of the first GPU, as far as the backend tells it, else 0."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        details = tf.config.experimental.get_device_details(found[0])
        return details.get("compute_capability", (0,))[0]
    if keras.backend.backend() == "jax":
        import jax

        return float(getattr(jax.devices("gpu")[0], "compute_capability", 0))
    return 0


def _gpu_memory():
    """Returns the memory of the smallest GPU as its driver tells it, in bytes, or None."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return min(int(line) for line in said.stdout.split()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
