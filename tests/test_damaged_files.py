"""Damaged files of runs and searches: each command names the file in one line, or needs it not.

The files are found in a finished run and a finished search; the commands stop where work begins.
"""

import hashlib
import shutil
import sys

import keras
import pytest

from keras_multigrid.cli import main
from keras_multigrid.recipes import MnistSegmentation
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs import run
from keras_multigrid.runs.run_folder import default_folder
from tests.counting import counted_once
from tests.damaging import damages

SETTINGS = "model=PMG-11 channel_ratios=1,0.5 repeats=1 epochs=2 evaluation_batches=1".split()
TUNE = "--tuner grid --grids 2 --ratios 0.5,1 --scale smoke --set seed=3".split()
RECIPE = resolve(MnistSegmentation, "smoke", SETTINGS)
NOT_READ = (".png", ".pdf", ".md", ".lock", ".v2")  # pictures, pages, and TensorBoard's


class WorkBegins(BaseException):
    """All files that a command needs were read, and found good."""


def begin(*args, **kwargs):
    raise WorkBegins


@pytest.fixture(scope="module")
def finished(tmp_path_factory, drawn_without_xla):
    folder = tmp_path_factory.mktemp("table2") / default_folder(RECIPE).name
    run(RECIPE, folder)
    shutil.rmtree(folder / "tensorboard")
    return folder


def tune(folder, trials):
    arguments = [*TUNE, f"--trials={trials}", "--output", str(folder)]
    return main(["tune", "mnist_segmentation", *arguments])


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search") / "search"
    with counted_once():
        with pytest.MonkeyPatch.context() as patch:
            without_trainings(patch)
            assert tune(folder, 2) == 0
        yield folder


def without_trainings(patch, train=lambda *_: ({"iou": 0.5, "loss": 1.0}, 1.0)):
    patch.setattr(MnistSegmentation, "load", lambda *_, **__: [None])
    patch.setattr("keras_multigrid.tuning.trial._train", train)
    patch.setattr("keras_multigrid.tuning.tuner.CandidateTuner.pre_create_trial", lambda _: None)
    patch.setattr("keras_multigrid.tuning.report._draw", lambda *_: None)
    patch.setattr("gc.collect", lambda: None)


@pytest.fixture(scope="module")
def work_begins(finished):
    """Ends commands where work begins; of what they load, the good network is loaded once."""
    good, load_model = digest(finished / "model.keras"), keras.models.load_model
    network = load_model(finished / "model.keras")

    def load(path):
        return network if digest(path) == good else load_model(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.models, "load_model", load)
        patch.setattr(MnistSegmentation, "load", begin)
        patch.setattr("keras_multigrid.runs.export.export_model", begin)
        patch.setattr("keras_multigrid.papers.multigrid_figures.draw_both", begin)
        yield patch


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def train(folder, *removed):
    """Gives the command that trained a run again, without some of what it has written."""
    for name in removed:
        (folder / name).unlink(missing_ok=True)
    settings = [text for setting in SETTINGS for text in ("--set", setting)]
    arguments = ["mnist_segmentation", "--scale", "smoke", *settings]
    return main(["train", *arguments, "--output", str(folder)])


def finish(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MnistSegmentation, "evaluate", lambda *_: {"iou": 0, "pixel_error": 0})
        patch.setattr(MnistSegmentation, "keep", begin)
        return train(folder, "metrics.json")


def train_from_a_checkpoint(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MnistSegmentation, "load_evaluation", lambda *_: None)
        return train(folder, "metrics.json", "model.keras")


def reproduce(folder):
    settings = [text for setting in SETTINGS[1:] for text in ("--set", setting)]
    arguments = ["table2", "--rows", "PMG-11", "--scale", "smoke", *settings]
    return main(["reproduce", *arguments, "--output", str(folder.parent)])


COMMANDS = {
    "evaluate": lambda folder: main(["evaluate", str(folder)]),
    "export": lambda folder: main(["export", str(folder)]),
    "attention": lambda folder: main(["attention", str(folder)]),
    "routing": lambda folder: main(["routing", str(folder)]),
    "figures": lambda folder: main(
        ["figures", str(folder), "--only", "curves", "--output", str(folder.parent / "figures")]
    ),
    "reproduce": reproduce,
    "train the recipe": lambda folder: main(
        ["train", str(folder / "recipe.json"), "--output", str(folder)]
    ),
    "train again": train,
    "train to the report": finish,
    "train from a checkpoint": train_from_a_checkpoint,
}


def outcome(command, folder, path, capsys):
    """Returns whether a command found a file good, or else what is wrong with what it says."""
    try:
        status = command(folder)
    except WorkBegins:
        status = 0
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    said = capsys.readouterr().err.splitlines()
    if status == 0:
        if path.suffix == ".npz":  # the one before it is used
            return not any(str(path) in line for line in said)
        return True if not said else str(said)
    named = any(name in said[-1] for name in (f"{path} ", f"{path}: ", f"{folder} is of "))
    is_clear = len(said) == 1 and named and "Error:" not in said[0]
    return False if is_clear and status in (1, 2) else f"status {status}: {said}"


def files(folder):
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path.relative_to(folder) for path in paths if not path.name.endswith(NOT_READ)]


def check_each(folder, commands, copies, capsys, refused, exhaustive, expected):
    """Damages each file in each way, and checks each command.

    Args:
        folder: Path of the good folder.
        commands: Mapping from names to functions of a folder.
        copies: Path of the folder of copies.
        capsys: pytest's.
        refused: What must be found damaged by some command; a function of a file and a damage.
        exhaustive: Whether all settings are damaged, or every tenth.
        expected: Names of files that some command must read.
    """
    faults, read, copy = [], set(), copies / folder.name
    for file in files(folder):
        good = (folder / file).read_bytes()
        readers = commands  # until it is known which of them read the file
        for number, (what, content) in enumerate(damages(file.name, good).items()):
            if number % 10 and not exhaustive and what.count(".") and ": " in what:
                continue
            found_good = {}
            # All recipes are read by one function: of its entries each goes to another command.
            chosen = list(readers)
            if file.name == "recipe.json" and ": " in what:
                chosen = [chosen[number % len(chosen)]]
            for name in chosen:
                shutil.copytree(folder, copy)
                (copy / file).write_bytes(content)
                found_good[name] = outcome(commands[name], copy, copy / file, capsys)
                if isinstance(found_good[name], str):
                    faults.append(f"{file}, {what}, {name}: {found_good[name]}")
                shutil.rmtree(copy)
            if what == "empty":
                readers = [name for name in commands if not found_good[name]]
                if not readers:
                    break
                read.add(file.name)
            if refused(file, what) and all(found_good.values()):
                faults.append(f"{file}, {what}: found good by {chosen}")
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults)
    assert read >= expected


def test_all_commands_find_the_good_ones_good(finished, work_begins, capsys, tmp_path):
    for name, command in COMMANDS.items():
        copy = shutil.copytree(finished, tmp_path / name / finished.name)
        assert outcome(command, copy, copy, capsys), name


EXHAUSTIVE = pytest.mark.parametrize(
    "exhaustive", [False, pytest.param(True, marks=pytest.mark.slow)]
)
LOST = "an entry lost"
NOT_NEEDED = ("trainable_params: ", "results: ", "scores.", "results.", "macs: ", "line: step")


@EXHAUSTIVE
def test_damaged_files_of_a_run(exhaustive, finished, work_begins, capsys, tmp_path):
    def refused(file, what):
        if file.name == "checkpoint-000000002.npz" or (file.suffix, what) == (".npz", LOST):
            return False  # the last one is read, its arrays later
        if what.startswith("versions.") or what in ("last byte lost", "fields.jit_compile: true"):
            return False  # only shown; a last line break; right, too
        if what.endswith(": lost"):  # an earlier version had fewer fields
            return not what.startswith(("fields.", "versions", *NOT_NEEDED))
        return True

    expected = {"recipe.json", "metrics.json", "metrics.jsonl", "model.keras"}
    expected.add("checkpoint-000000004.npz")
    check_each(finished, COMMANDS, tmp_path, capsys, refused, exhaustive, expected)


SEARCHES = {
    "tune again": lambda folder: tune(folder, 2),
    "tune more": lambda folder: tune(folder, 3),
    "train a file": lambda folder: main(["train", str(folder / "best.json"), *EPOCHS]),
    "train a trial": lambda folder: main(["train", str(folder / "trials/0/recipe.json"), *EPOCHS]),
}
EPOCHS = ["--set", "epochs=0"]  # read, and then refused


@EXHAUSTIVE
def test_damaged_files_of_a_search(exhaustive, searched, capsys, tmp_path, monkeypatch):
    without_trainings(monkeypatch, begin)

    def refused(file, what):
        if what == "last byte lost" or "versions" in what or what == "fields.jit_compile: true":
            return False
        if file.name == "oracle.json" and "." in what:
            return False  # KerasTuner's own
        return not what.endswith(": lost")

    def command(name):
        def run(folder):
            status = SEARCHES[name](folder)
            is_read = "epochs is 0" in (said := capsys.readouterr()).err
            print(said.err, end="", file=sys.stderr) if not is_read else None
            return 0 if is_read else status

        return run

    commands = {name: command(name) for name in SEARCHES}
    expected = {"search.json", "oracle.json", "result.json", "best.json", "recipe.json"}
    check_each(searched, commands, tmp_path, capsys, refused, exhaustive, expected)
