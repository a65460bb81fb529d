"""What `weights=` takes: names of weights that ship, files, and files of a Hugging Face hub."""

import dataclasses
import hashlib
import json
import pathlib

from keras_multigrid.applications.fitting import load_arrays
from keras_multigrid.applications.weight_files import OWN_SUFFIX, SUFFIXES, read_weights

FOLDER = pathlib.Path(__file__).with_name("weights")
CARD_SUFFIX = ".json"
HUB = "hf://"


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightsCard:
    """What is known about a file of trained weights, kept beside it as JSON.

    Attributes:
        name: What `weights=` calls them.
        network: The paper's name of the network, as `list_models` lists it.
        arguments: Arguments of its constructor that all weights fit, the head's too, such as
            `{"classes": 1}`.
        file: Name of the file of weights.
        sha256: Its SHA-256.
        dtype: `"float16"`, or `"float32"` where that costs too much of the score.
        finished: Whether the training reached its end; if not, the name is not taken.
        step: Steps trained.
        steps: Steps of the whole training.
        data: What it was trained on.
        command: The command that trains it.
        commit: The commit of the package that trained it.
        seed: Seed of weights and data.
        versions: Versions of Python and of the packages.
        split: What data it was tested on.
        test_images: Number of images it was tested on.
        scores: Scores of these weights as in the paper's tables, in percent.
        results: The values of all metrics.
        curve: Scores on the validation data so far, by epoch.
        licence: The licence of the weights.
        not_good_for: What they should not be used for.
    """

    name: str
    network: str
    arguments: dict
    file: str
    sha256: str
    dtype: str
    finished: bool
    step: int
    steps: int
    data: str
    command: str
    commit: str
    seed: int
    versions: dict
    split: str
    test_images: int
    scores: dict
    results: dict
    curve: list
    licence: str
    not_good_for: str


def list_weights():
    """Lists the trained weights that ship with the package.

    Returns:
        A list of `WeightsCard`, sorted by network and name. A constructor takes the name:
        `PMGSEG(weights="mnist_segmentation")`. For any card,
        `create_model(card.network, weights=card.name, **card.arguments)` is the trained network.

    Example:

    >>> import keras_multigrid as kmg
    >>> all(card.finished and card.scores for card in kmg.applications.list_weights())
    True
    """
    return [card for card in _cards() if card.finished]


def is_shipped(name):
    """Returns whether weights of that name ship, for any network."""
    return any(card.name == name for card in _cards())


def sha256(path):
    """Returns the SHA-256 of a file as text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_card(path):
    """Returns the `WeightsCard` in a JSON file.

    Raises:
        ValueError: If it is not one.
    """
    try:
        return WeightsCard(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is not a card of weights ({error}).") from error


def load_weights(model, weights, network):
    """Gives a model the weights that its constructor was asked for.

    Args:
        model: A built `keras.Model`.
        weights: None, a name of `list_weights`, a path, or `hf://user/repo/file`.
        network: The paper's name of the network, by which shipped weights are found.

    Returns:
        The list of the variables that were loaded.

    Raises:
        ValueError: If there are no such weights, or they do not fit.
        ImportError: If huggingface_hub is needed and missing.
        OSError: If they cannot be downloaded.
    """
    if weights is None:
        return []
    path, origin = _find(weights, network)
    card = path.with_suffix(CARD_SUFFIX)
    if path.suffix == OWN_SUFFIX and card.is_file():
        _check_hash(path, read_card(card), origin)
    return load_arrays(model, read_weights(path), origin)


def _find(weights, network):
    """Returns the path of a file of weights, and what to call them in messages."""
    text = str(weights)
    if is_shipped(text):
        return _shipped(text, network), f"The weights {text!r}"
    if text.startswith(HUB):
        return _from_hub(text), f"The weights {text}"
    if not pathlib.Path(text).is_file():
        names = ", ".join(_names_for(network)) or "none"
        raise ValueError(
            f"weights is {text!r}; expected None, a file ({', '.join(SUFFIXES)}), "
            f"hf://user/repo/file, or a name of shipped weights (for {network}: {names})."
        )
    return pathlib.Path(text), f"The weights in {text}"


def _cards():
    cards = [read_card(path) for path in FOLDER.glob(f"*{CARD_SUFFIX}")]
    return sorted(cards, key=lambda card: (card.network, card.name))


def _names_for(network):
    return [card.name for card in list_weights() if card.network == network]


def _shipped(name, network):
    cards = {card.network: card for card in _cards() if card.name == name}
    if network not in cards:
        raise ValueError(
            f"The weights {name!r} ship for {', '.join(cards)}, not for {network}; its weights: "
            f"{', '.join(_names_for(network)) or 'none'}."
        )
    card, path = cards[network], FOLDER / cards[network].file
    if not card.finished:
        raise ValueError(
            f"The weights {name!r} of {network} are not finished (step {card.step} of "
            f"{card.steps}); to use them all the same, pass the file: weights={str(path)!r}."
        )
    if not path.is_file():
        raise ValueError(f"{path} is missing; install keras_multigrid again.")
    return path


def _check_hash(path, card, origin):
    found = sha256(path)
    if found != card.sha256:
        raise ValueError(
            f"{origin} are damaged: the SHA-256 of {path} is {found[:12]}..., and "
            f"{card.sha256[:12]}... in its card; install or copy it again."
        )


def _from_hub(address):
    parts = address.removeprefix(HUB).split("/", 2)
    if len(parts) < 3 or not all(parts):
        raise ValueError(f"weights is {address!r}; expected hf://user/repo/file.")
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(
            f"weights is {address!r}, and huggingface_hub is not installed: pip install "
            "huggingface_hub."
        ) from error
    user, repository, file = parts
    try:
        path = huggingface_hub.hf_hub_download(f"{user}/{repository}", file)
    except (OSError, ValueError) as error:  # what the hub's own errors are
        reason = " ".join(str(error).split())
        raise OSError(f"The weights {address} cannot be downloaded: {reason}") from error
    return pathlib.Path(path)
