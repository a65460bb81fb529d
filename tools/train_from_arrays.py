"""Trains a recipe where there is JAX but no TensorFlow, in pieces that continue from each other.

A machine with TensorFlow draws the samples and packs them into a file; the machine with JAX needs
that file and this repository:

    python tools/train_from_arrays.py prepare mnist_segmentation --scale paper --output data.npz
    python tools/train_from_arrays.py train data.npz runs/gpu --state state.tar

The second command, given again, continues, on another machine too if `state.tar` is there. Where
the package is not installed, `PYTHONPATH=.` before `python` makes the repository do.
"""

import argparse
import contextlib
import dataclasses
import math
import os
import pathlib
import shutil
import signal
import sys
import tarfile
import tempfile
import threading
import time

STARTED = time.monotonic()
# Fields that say what the samples are. The seed of training may be another than theirs.
OF_THE_SAMPLES = ("source", "variant", "fresh", "image_size", "evaluation_batches", "evaluations")


def main(arguments=None):
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except ValueError as error:
        return _complain(error, status=2)
    except (ImportError, OSError, FloatingPointError) as error:
        return _complain(error, status=1)
    except KeyboardInterrupt:
        return _complain("interrupted", status=130)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(title="commands", required=True)

    prepare = commands.add_parser(
        "prepare",
        help="write the samples of a recipe into a file; needs TensorFlow",
        epilog="Example: train_from_arrays.py prepare located_mnist --scale paper "
        "--set model=M1-MNIST --passes 10 --output data.npz",
    )
    prepare.add_argument("recipe", help="one of small images, such as mnist_segmentation")
    prepare.add_argument("--scale", default="quick", help="smoke, quick (default), long or paper")
    _add_settings(prepare)
    prepare.add_argument(
        "--passes",
        type=int,
        default=1,
        help="passes of training samples, where each pass has others (default: 1)",
    )
    prepare.add_argument("--output", type=pathlib.Path, required=True, help="the file, FILE.npz")
    prepare.set_defaults(command=_prepare)

    train = commands.add_parser(
        "train",
        help="train on the samples of a file; needs JAX, and no TensorFlow",
        epilog="Example: train_from_arrays.py train data.npz runs/gpu --set model=R-PMG-20 "
        "--set precision=mixed_bfloat16 --minutes 9 --state state.tar",
    )
    train.add_argument("data", type=pathlib.Path, help="a file of `prepare`")
    train.add_argument("folder", type=pathlib.Path, help="the run's folder")
    _add_settings(train)
    train.add_argument(
        "--minutes",
        type=float,
        default=9.0,
        help="when to stop and save, which takes some seconds more (default: 9)",
    )
    train.add_argument(
        "--state",
        type=pathlib.Path,
        help="one file of all that the folder needs to go on elsewhere: read if it is there, and "
        "written at the end",
    )
    train.set_defaults(command=_train)
    return parser


def _add_settings(parser):
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="change a field of the recipe; may be given again",
    )


def _complain(error, status):
    print(f"train_from_arrays: {' '.join(str(error).split())}", file=sys.stderr)
    return status


def _prepare(options):
    from packed_samples import pack, write

    from keras_multigrid.recipes import RECIPES, Quickstart
    from keras_multigrid.recipes.overrides import resolve
    from keras_multigrid.recipes.photographs import Photographs

    others = (Photographs, Quickstart)
    small = [name for name, each in RECIPES.items() if not issubclass(each, others)]
    if options.recipe not in small:
        expected = ", ".join(small)
        raise ValueError(f"The recipe is {options.recipe!r}; expected one of {expected}.")
    if options.output.exists():
        raise ValueError(f"{options.output} exists; remove it, or name another file.")
    if options.passes < 1:
        raise ValueError(f"--passes is {options.passes}; expected a positive number.")
    recipe = resolve(RECIPES[options.recipe], options.scale, options.settings)
    options.output.parent.mkdir(parents=True, exist_ok=True)  # an error before all the work
    training = recipe.load("train", recipe.batch_size).repeat(options.passes)
    read = recipe.epochs * recipe.steps_per_epoch  # more are never seen
    splits = {"train": pack(training.take(read).as_numpy_iterator())}
    one_pass = {"train": len(splits["train"][0])}
    for split in {recipe.VALIDATION_SPLIT, recipe.TEST_SPLIT}:
        batches = recipe.load_evaluation(split)
        one_pass[split] = sum(len(targets) for _, targets in batches)
        if split == recipe.TEST_SPLIT and hasattr(recipe, "test_data"):
            batches = recipe.test_data(split)  # the same, and more passes
        splits[split] = pack(batches.as_numpy_iterator())
    fields = dataclasses.asdict(recipe) | {"data_dir": None}
    notes = {"recipe": recipe.NAME, "fields": fields, "one_pass": one_pass}
    with tempfile.TemporaryDirectory() as folder:
        recipe.keep(pathlib.Path(folder), None)
        kept = {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}
    write(options.output, splits, kept, notes)
    counts = ", ".join(f"{len(arrays[0]):,} {split}" for split, arrays in splits.items())
    size = options.output.stat().st_size / 2**20
    print(f"{options.output}: {counts} samples of {recipe.NAME}, {size:.1f} MiB")
    return 0


def _train(options):
    os.environ.setdefault("KERAS_BACKEND", "jax")  # before Keras is imported
    import jax
    from packed_samples import read

    from keras_multigrid.runs import run
    from keras_multigrid.runs.process import leaving_upon_sigterm
    from keras_multigrid.runs.run_folder import RESULTS

    if not 0 <= options.minutes < math.inf:
        raise ValueError(f"--minutes is {options.minutes}; expected a number from 0 on.")
    training = []  # what the training reads
    recipe = _recipe(*read(options.data), options, training)
    seconds = STARTED + 60 * options.minutes - time.monotonic()
    alarm = threading.Timer(max(0, seconds), os.kill, (os.getpid(), signal.SIGTERM))
    alarm.daemon = True
    # Upon SIGTERM it is left; what there is to save is saved.
    with contextlib.suppress(SystemExit), leaving_upon_sigterm():
        if options.state:
            options.state.parent.mkdir(parents=True, exist_ok=True)  # an error before all the work
            if options.state.exists():
                _unpack(options.state, options.folder, recipe)
        alarm.start()
        run(recipe, options.folder)
        alarm.cancel()
    alarm.cancel()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what is left takes a moment
    if options.state:
        _pack(options.folder, options.state)
    finished = (options.folder / RESULTS).exists()
    print(
        f"{'Finished' if finished else 'Not finished; the same command continues'}: step "
        f"{_steps_done(options.folder, recipe):,} of {recipe.epochs * recipe.steps_per_epoch:,}, "
        f"{_rate(training)} on {jax.devices()[0]}."
    )
    return 0


def _recipe(splits, files, notes, options, training):
    """Returns the recipe of a file, changed, that reads the file's samples.

    Args:
        splits, files, notes: What is in the file.
        options: Those of the command.
        training: List that gets the batches to train on.
    """
    from packed_samples import batches_of

    from keras_multigrid.recipes import RECIPES
    from keras_multigrid.recipes.overrides import change
    from keras_multigrid.recipes.recipe import EVALUATION_BATCH
    from keras_multigrid.recipes.renamed import with_present_names
    from keras_multigrid.stored import with_tuples

    try:
        recipe_class, one_pass = RECIPES[notes["recipe"]], notes["one_pass"]
        prepared = recipe_class(**with_tuples(with_present_names(notes["fields"])))
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{options.data} is of another version of this script: {error}."
        ) from error
    recipe = change(prepared, options.settings)
    for name in OF_THE_SAMPLES:
        before, now = getattr(prepared, name, None), getattr(recipe, name, None)
        if now != before:
            raise ValueError(
                f"{name} is {now}, but {options.data} was prepared with {before}; prepare another."
            )

    class FromArrays(recipe_class):
        def load(self, split, batch_size, first_batch=None, share=(0, 1), shuffle=None):
            is_training = split == "train"
            seed = self.seed if (is_training if shuffle is None else shuffle) else None
            arrays, samples = splits[split], one_pass[split]
            batches = batches_of(arrays, samples, batch_size, seed, first_batch, share)
            if is_training:
                training.append(batches)
            return batches

        def load_evaluation(self, split, passes=1):
            batch_size = min(self.batch_size, EVALUATION_BATCH)
            return batches_of(splits[split], passes * one_pass[split], batch_size)

        def keep(self, folder, model):
            for name, content in files.items():
                (folder / name).write_bytes(content)

    return FromArrays(**vars(recipe))


def _steps_done(folder, recipe):
    """Returns how many steps of training are saved in a folder."""
    from keras_multigrid.runs.run_folder import MODEL

    if (folder / MODEL).exists():
        return recipe.epochs * recipe.steps_per_epoch
    checkpoint = _last_checkpoint(folder)
    return int(checkpoint.stem.rpartition("-")[2]) if checkpoint else 0


def _last_checkpoint(folder):
    from keras_multigrid.runs.run_folder import CHECKPOINTS

    return max((folder / CHECKPOINTS).glob("checkpoint-*.npz"), default=None)


def _rate(training):
    """Returns how fast the second half of the steps was, behind all compiling."""
    times = training[-1].drawn_at if training else []
    half = times[len(times) // 2 :]
    if len(half) < 2:
        return "too few to tell how fast,"
    return f"{(len(half) - 1) / (half[-1] - half[0]):.2f} steps per second"


def _pack(folder, state):
    """Writes one file of what a run needs to go on; it is whole or not there."""
    from keras_multigrid.runs.run_folder import MODEL, RECIPE
    from keras_multigrid.whole_files import whole

    if not (folder / RECIPE).exists():  # it was left before it began
        return
    paths = [path for path in folder.glob("[!.]*") if path.is_file()]
    checkpoint = _last_checkpoint(folder)
    if checkpoint and not (folder / MODEL).exists():
        paths.append(checkpoint)
    with whole(state) as unfinished, tarfile.open(unfinished, "w") as archive:
        for path in paths:
            if "unfinished" not in path.name:  # of a process that was killed
                archive.add(path, path.relative_to(folder))


def _unpack(state, folder, recipe):
    """Makes a run's folder of what `_pack` wrote, unless the folder is as far.

    Raises:
        ValueError: If it is of other settings, no such file, or the folder is there and behind.
    """
    from keras_multigrid.runs.run_folder import RECIPE, check_settings

    folder.parent.mkdir(parents=True, exist_ok=True)
    unpacked = folder.with_name(f"{folder.name}.unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)  # of a process that was killed
    try:
        try:
            with tarfile.open(state) as archive:
                archive.extractall(unpacked, filter="data")
        except tarfile.TarError as error:
            raise ValueError(f"{state} is no state of a run, or damaged ({error}).") from error
        check_settings(unpacked, recipe)
        if not (folder / RECIPE).exists():
            os.replace(unpacked, folder)
        elif _steps_done(folder, recipe) < _steps_done(unpacked, recipe):
            raise ValueError(f"{folder} is behind {state}; remove it, or name another folder.")
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
