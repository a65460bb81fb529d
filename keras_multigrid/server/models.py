"""The models that are served, and their versions, which come and go."""

import asyncio
import contextlib
import dataclasses
import pathlib

from keras_multigrid.datasets.class_folders import printable
from keras_multigrid.progress import say
from keras_multigrid.server.interface import REMEDY, Interface, read_version
from keras_multigrid.server.refusal import Refusal
from keras_multigrid.stored import DamagedFile


@dataclasses.dataclass(eq=False)
class Version:
    """A version of a model, and how it is.

    Attributes:
        key: Name of the model, and number of the version.
        folder: Its path.
        state: In TensorFlow Serving's words: START, LOADING, AVAILABLE, UNLOADING or END.
        wrong: What is wrong with it, or "".
        files: Names, sizes and times of its files: what is still written is not loaded.
        interface: Its `Interface`, once it was read.
        users: Number of requests at work with it.
    """

    key: tuple
    folder: pathlib.Path
    state: str = "START"
    wrong: str = ""
    files: frozenset = frozenset()
    interface: Interface | None = None
    users: int = 0

    @contextlib.contextmanager
    def in_use(self):
        """Keeps it from being let go."""
        self.users += 1
        try:
            yield
        finally:
            self.users -= 1


class Models:
    """The models that are served.

    Args:
        configs: List of `ModelConfig`.
        worker: The `Worker` that computes them.
    """

    def __init__(self, configs, worker):
        self._configs = {config.name: config for config in configs}
        self._versions = {config.name: {} for config in configs}
        self._worker = worker

    @property
    def names(self):
        """List of the models' names."""
        return list(self._configs)

    async def load(self):
        """Loads all.

        Raises:
            ValueError: If one cannot be served.
            OSError: If one cannot be computed.
        """
        for config in self._configs.values():
            for number, folder in config.folders().items():
                version = self._versions[config.name][number] = Version(
                    (config.name, number), folder
                )
                await self._load(version)
                if version.wrong:
                    raise OSError(version.wrong)

    async def poll(self, seconds):
        """Serves new versions as they come, for ever, and lets those go that they replace."""
        while True:
            await asyncio.sleep(seconds)
            for config in self._configs.values():
                await self._update(config)

    async def _update(self, config):
        versions = self._versions[config.name]
        try:
            folders = await asyncio.to_thread(config.folders)
            files = {number: _files(folder) for number, folder in folders.items()}
        except OSError:  # removed while it is looked at
            return
        for number, folder in folders.items():
            version = versions.get(number)
            new = version is None or (version.state == "END" and not version.wrong)
            if new or (version.wrong and version.files != files[number]):
                versions[number] = Version((config.name, number), folder, files=files[number])
            elif version.state == "UNLOADING":
                version.state = "AVAILABLE"
            elif version.state == "START" and version.files == files[number]:
                await self._load(version)
                say(version.wrong or f"Serving version {number} of {config.name}.")
            elif version.state == "START":
                version.files = files[number]
        if any(versions[number].state == "AVAILABLE" for number in folders):
            await self._let_go([each for each in versions.values() if each.key[1] not in folders])

    async def _load(self, version):
        version.state = "LOADING"
        try:
            version.interface = await asyncio.to_thread(
                read_version, version.folder, version.key[0]
            )
            wrong = await self._worker.load(version.key, version.interface)
            version.wrong = str(DamagedFile(version.folder, wrong, REMEDY)) if wrong else ""
        except (ValueError, OSError) as error:
            version.wrong = str(error)
        version.state = "END" if version.wrong else "AVAILABLE"

    async def _let_go(self, versions):
        for version in versions:
            if version.state == "AVAILABLE":
                version.state = "UNLOADING"  # new requests go to others
            if version.state == "UNLOADING" and not version.users:
                await self._worker.release(version.key)
                version.state = "END"
                say(f"Version {version.key[1]} of {version.key[0]} is let go.")

    def find(self, name, number="", label=""):
        """Returns the `Version` that a request means, or a `Refusal`."""
        number = self._number(name, number, label)
        if isinstance(number, Refusal):
            return number
        versions = self._versions.get(name, {}).values()
        found = [
            version
            for version in versions
            if version.state == "AVAILABLE" and number in (None, version.key[1])
        ]
        if not found:
            asked = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            return Refusal(404, f"Servable not found for request: {asked}")
        return max(found, key=lambda version: version.key[1])

    def _number(self, name, number, label):
        """Returns the number of the version that is asked for, None for the latest."""
        if label:
            labels = self._configs[name].labels if name in self._configs else {}
            if label not in labels:
                return Refusal(400, f"Unrecognized servable version label: {label}")
            return labels[label]
        if number and int(number) >= 2**63:
            return Refusal(400, f"Failed to convert version: {number} to numeric")
        return int(number) if number else None

    def status(self, name, number="", label=""):
        """Returns what TensorFlow Serving tells of a model's versions, or a `Refusal`."""
        number = self._number(name, number, label)
        if isinstance(number, Refusal):
            return number
        versions = self._versions.get(name, {})
        if number is not None and number not in versions:
            return Refusal(404, f"Could not find version {number} of model {name}")
        if not versions:
            return Refusal(404, f"Could not find any versions of model {name}")
        numbers = sorted(versions, reverse=True) if number is None else [number]
        return {"model_version_status": [_status(versions[each]) for each in numbers]}

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


def _files(folder):
    found = [(path, path.stat()) for path in folder.rglob("*")]
    return frozenset((path, each.st_size, each.st_mtime_ns) for path, each in found)


def _status(version):
    return {
        "version": str(version.key[1]),
        "state": version.state,
        "status": {
            "error_code": "INTERNAL" if version.wrong else "OK",
            "error_message": version.wrong,
        },
    }
