"""The inputs and outputs of an exported network, read without loading it."""

import dataclasses
import pathlib
import re

from keras_multigrid.datasets.masks.labels import SegmentationTask
from keras_multigrid.export.class_names import read_class_names
from keras_multigrid.export.segmentation_task import read_task
from keras_multigrid.export.versions import model_name, version_folders
from keras_multigrid.stored import DamagedFile

REMEDY = "restore the folder from a copy, or export the network anew"
DEFAULT, FILES, FEATURES = "serving_default", "image_files", "features"
MASK_FILES = "mask_files"  # not a signature of the network: files in, files out


@dataclasses.dataclass(frozen=True)
class Interface:
    """The inputs and outputs of an exported network.

    Attributes:
        name: Name of the model, which is that of its folder.
        version: Number of the version.
        folder: Path of the version's SavedModel.
        shape: Height, width and channels of the images; None where any will do.
        dtype: Of the images, "float32" or "uint8".
        signatures: Names of the signatures that are served.
        metadata: The signatures in TensorFlow Serving's JSON form.
        class_names: List of the classes in the order of the outputs, or None.
        task: The `SegmentationTask`, or None.
    """

    name: str
    version: int
    folder: pathlib.Path
    shape: tuple
    dtype: str
    signatures: tuple
    metadata: dict
    class_names: list | None = None
    task: SegmentationTask | None = None

    def takes(self, shape):
        """Returns whether images may have a shape."""
        return all(own in (None, size) for size, own in zip(shape, self.shape))

    @property
    def shape_text(self):
        """The images' shape, in words."""
        names = ("any height", "any width", "any channels")
        return " x ".join(str(size or name) for size, name in zip(self.shape, names))


def read_interface(model):
    """Returns the `Interface` of the highest version in a model's folder; see `read_version`."""
    return read_version(newest_version(pathlib.Path(model)), model_name(model))


def read_version(folder, name):
    """Returns the `Interface` of a version.

    Args:
        folder: Its path.
        name: The model's name.

    Raises:
        ValueError: If it is not a network for images, or the name does not fit into an address.
    """
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework import types_pb2
    from tensorflow.core.protobuf import saved_model_pb2

    if not re.fullmatch(r"[^{}/?#%:]+", name):
        raise ValueError(f"The folder's name, {name!r}, does not fit into an address; rename it.")
    saved = saved_model_pb2.SavedModel()
    path = folder / "saved_model.pb"
    try:
        saved.ParseFromString(path.read_bytes())
        found = saved.meta_graphs[0].signature_def
    except (DecodeError, IndexError) as error:
        raise DamagedFile(path, "it is empty, cut, or not a SavedModel", REMEDY) from error
    if DEFAULT not in found or list(found[DEFAULT].inputs) != ["images"]:
        raise ValueError(f"{folder} has no signature {DEFAULT} of images; export the network anew.")
    images = found[DEFAULT].inputs["images"]
    sizes = [None if dim.size < 0 else dim.size for dim in images.tensor_shape.dim]
    dtypes = {types_pb2.DT_FLOAT: "float32", types_pb2.DT_UINT8: "uint8"}
    if len(sizes) != 4 or images.dtype not in dtypes:
        raise ValueError(f"{folder} takes neither float32 nor uint8 images; export it anew.")
    served = tuple(name for name in (DEFAULT, FILES, FEATURES) if name in found)
    task = read_task(folder)
    return Interface(
        name=name,
        version=int(folder.name),
        folder=folder,
        shape=tuple(sizes[1:]),
        dtype=dtypes[images.dtype],
        signatures=(*served, MASK_FILES) if task and FILES in served else served,
        metadata={
            name: MessageToDict(
                found[name],
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
            for name in served
        },
        class_names=read_class_names(folder),
        task=task,
    )


def newest_version(model):
    """Returns the folder of the newest version in a model's folder, or raises a `ValueError`."""
    versions = version_folders(model)
    if (model / "saved_model.pb").exists():
        raise ValueError(f"{model} is a version; name the folder above it, {model.parent}.")
    if not versions:
        raise ValueError(
            f"{model} has no version, such as {model}/1/saved_model.pb; name a folder that "
            "`keras-multigrid export` wrote."
        )
    if not (versions[-1] / "saved_model.pb").exists():
        raise ValueError(
            f"{versions[-1]} has no saved_model.pb; serve what was exported with --format "
            "savedmodel."
        )
    return versions[-1]
