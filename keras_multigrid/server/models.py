"""The models that are served, and their versions."""

import contextlib
import dataclasses

from keras_multigrid.datasets.class_folders import printable
from keras_multigrid.server.interface import REMEDY, Interface
from keras_multigrid.server.refusal import Refusal
from keras_multigrid.stored import DamagedFile


@dataclasses.dataclass(eq=False)
class Version:
    """A version of a model, and how it is.

    Attributes:
        interface: Its `Interface`.
        state: In TensorFlow Serving's words.
    """

    interface: Interface
    state: str = "LOADING"
    _users: int = 0

    @property
    def key(self):
        """What tells its network from others."""
        return self.interface.name, self.interface.version

    @contextlib.asynccontextmanager
    async def in_use(self):
        """Keeps it from being let go."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1


class Models:
    """The models that are served.

    Args:
        interfaces: List of the `Interface` of each.
        worker: The `Worker` that computes them.
    """

    def __init__(self, interfaces, worker):
        self._versions = {each.name: Version(each) for each in interfaces}
        self._worker = worker

    @property
    def example(self):
        """The name of a model."""
        return next(iter(self._versions))

    async def load(self):
        """Loads all.

        Raises:
            OSError: If one cannot be loaded.
        """
        for version in self._versions.values():
            if wrong := await self._worker.load(version.key, version.interface):
                raise OSError(str(DamagedFile(version.interface.folder, wrong, REMEDY)))
            version.state = "AVAILABLE"

    def find(self, name, number="", label=""):
        """Returns the `Version` that a request means, or a `Refusal`."""
        version = self._versions.get(name)
        if version is None or number not in ("", str(version.interface.version)):
            asked = f"Specific({name}, {number})" if number else f"Latest({name})"
            return Refusal(404, f"Servable not found for request: {asked}")
        if label:
            return Refusal(400, f"Unrecognized servable version label: {label}")
        return version

    def status(self, name, number="", label=""):
        """Returns what TensorFlow Serving tells of a model's versions, or a `Refusal`."""
        version = self.find(name, number, label)
        if isinstance(version, Refusal):
            return version
        fine = {"error_code": "OK", "error_message": ""}
        told = {"version": str(version.key[1]), "state": version.state, "status": fine}
        return {"model_version_status": [told]}

    def metadata(self, name, number="", label=""):
        """Returns what TensorFlow Serving tells of a version's signatures, or a `Refusal`."""
        version = self.find(name, number, label)
        if isinstance(version, Refusal):
            return version
        interface = version.interface
        spec = {"name": name, "signature_name": "", "version": str(interface.version)}
        described = {"signature_def": {"signature_def": interface.metadata}}
        if interface.class_names:
            described["class_names"] = [*map(printable, interface.class_names)]
        return {"model_spec": spec, "metadata": described}
