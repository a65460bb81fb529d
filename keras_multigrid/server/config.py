"""Which models are served, and which of their versions."""

import dataclasses
import importlib.util
import pathlib

from keras_multigrid.export.versions import model_name, version_folders


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A model that is served, as TensorFlow Serving's `ModelConfig`.

    Attributes:
        name: Its name in addresses.
        folder: Path of its folder of versions.
        latest: How many of the newest versions are served; None is all.
        versions: Numbers of those that are served instead, if there are any.
        labels: From labels to numbers of versions.
    """

    name: str
    folder: pathlib.Path
    latest: int | None = 1
    versions: tuple = ()
    labels: dict = dataclasses.field(default_factory=dict)

    def folders(self):
        """Returns the folders, by number, of the versions to serve that are there now."""
        found = {
            int(path.name): path
            for path in version_folders(self.folder)
            if (path / "saved_model.pb").exists()
        }
        numbers = self.versions or (sorted(found)[-self.latest :] if self.latest else found)
        return {number: found[number] for number in numbers if number in found}


def read_configs(path):
    """Returns a list of `ModelConfig`.

    Args:
        path: Path of a model's folder of versions, of a folder of such folders, or of a file of
            TensorFlow Serving's, `model_config_list { config { name: "..." base_path: "..." } }`.

    Raises:
        ValueError: If the file is not of this form, or names a model twice.
        ImportError: If there are no definitions of such files.
    """
    path = pathlib.Path(path)
    if path.is_file():
        configs = _of_file(path)
    elif version_folders(path) or (path / "saved_model.pb").exists() or not path.is_dir():
        configs = [ModelConfig(model_name(path), path)]
    else:
        models = [each for each in sorted(path.iterdir()) if version_folders(each)]
        configs = [ModelConfig(model_name(each), each) for each in models or [path]]
    names = [config.name for config in configs]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{path} has {', '.join(sorted(twice))} more than once; rename one.")
    return configs


def _of_file(path):
    if importlib.util.find_spec("tensorflow_serving") is None:
        raise ImportError(
            "There is no tensorflow-serving-api, which defines the models' file: "
            "pip install 'keras_multigrid[serve]'."
        )
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    try:
        read = text_format.Parse(path.read_text(), ModelServerConfig())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is not a model server's configuration: {error}; expected "
            "model_config_list { config { name: '...' base_path: '...' } }."
        ) from error
    if not read.model_config_list.config:
        raise ValueError(f"{path} has no model; expected model_config_list {{ config {{ ... }} }}.")
    return [_config(each, path) for each in read.model_config_list.config]


def _config(read, path):
    if not read.name or not read.base_path:
        raise ValueError(f"{path} has a model without name or base_path; give both.")
    policy = read.model_version_policy
    return ModelConfig(
        name=read.name,
        folder=path.parent / read.base_path,
        latest=None if policy.HasField("all") else policy.latest.num_versions or 1,
        versions=tuple(policy.specific.versions),
        labels=dict(read.version_labels),
    )
