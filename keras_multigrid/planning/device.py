"""What a training will run on."""

import dataclasses

import keras


@dataclasses.dataclass(frozen=True, kw_only=True)
class Device:
    """The kind of device, and what it is good at.

    Attributes:
        kind: `"cpu"`, `"gpu"` or `"tpu"`.
        bfloat16: Whether it computes faster in bfloat16.
        memory: Of a GPU, in bytes; None if that cannot be told.
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
    return Device(kind=kind, **_gpu())


def _gpu():
    """Returns the facts of the first GPU that its backend tells."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        capability = tf.config.experimental.get_device_details(found[0]).get("compute_capability")
        return {"bfloat16": bool(capability) and capability >= (8, 0)}
    import jax

    gpu = next(device for device in jax.devices() if device.platform == "gpu")
    memory = (gpu.memory_stats() or {}).get("bytes_limit")
    capability = float(getattr(gpu, "compute_capability", 0) or 0)
    return {"bfloat16": capability >= 8.0, "memory": memory}
