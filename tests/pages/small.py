"""What is not run of the pages, and why; and how the rest becomes small."""

NETWORK = "needs a network"
SUITE = "runs this very suite"
NOT_RUN = {  # from what a command begins with to the reason
    "python3 -m venv": "is of no use without what is installed next",
    "pip install": NETWORK,
    "docker run": "needs a container engine, and a network",
    "KERAS_BACKEND=jax keras-multigrid train imagenet": "needs a second machine, and ImageNet",
    "tfds build": "needs packages that only a network brings",
    "tensorboard": "a server of another project, until Ctrl-C",
    "python -m pytest": SUITE,
    ".ci/run": SUITE,
    "sphinx-build": "tests/pages/test_site.py builds the site",
    "ruff format": "changes the repository; tests/test_style.py checks that it need not",
    "KERAS_BACKEND=jax python ...": "a pattern, not a command",
    "keras-multigrid train quickstart": "tests/test_cli.py runs it, in a process",
    "echo '{\"signature": "goes to the server, with `curl`",
    "curl": "goes to the server",
    "keras-multigrid serve runs": "is started in a process, for `curl`",
}
EXAMPLES_NOT_RUN = {  # of docstrings
    "serve(": "does not return; the same command is run",
    "join_processes(": "needs a second machine",
    "load_imagenet(": "needs ImageNet, which its licence wants downloaded by hand",
}
PLACEHOLDERS = {"RUN": "runs/first"}

TINY = "--scale smoke --set epochs=1 --set repeats=1"
NARROW = "--set channel_ratios=1,0.5"
ONE_TRIAL = "--trials 1 --workers 1 --set epochs=1 --set steps_per_epoch=1 --set batch_size=2"
SMALLER = {  # from what a command begins with to the options that are added
    "keras-multigrid models": "PMG-9",
    "keras-multigrid models 'R-*'": "",
    "keras-multigrid data": "--split test",
    "keras-multigrid train mnist_segmentation": f"{TINY} {NARROW}",
    "keras-multigrid train segmentation": "--scale smoke --set epochs=1",
    "keras-multigrid train runs/tune/best.json": "--set epochs=1",
    "keras-multigrid train located_mnist": "--scale smoke --set epochs=1 --set source=digits",
    "keras-multigrid reproduce table2": TINY,
    "keras-multigrid reproduce multigrid-figures": "--scale smoke --set epochs=1 --rows PMG-11",
    "keras-multigrid reproduce top-down-figure4": "--scale smoke --set epochs=1 "
    "--set source=digits",
    "keras-multigrid attention": "--samples 1 --stride 28",
    "keras-multigrid routing": "--samples 2",
    "keras-multigrid figures": "--only multigrid-figure4",
    "keras-multigrid compare": "--scale smoke --budget 2M --seeds 1 --networks U-NET "
    "--set epochs=1",
    "keras-multigrid tune quickstart": f"{ONE_TRIAL} --set repeats=1",
    "keras-multigrid tune mnist_segmentation": f"{ONE_TRIAL} --scale smoke --output runs/other",
}
BLOCKS_SMALLER = {  # what is replaced in blocks of Python
    "RMG34(weights=None, input_shape=(224, 224, 3)": "RMG18(weights=None, input_shape=(32, 32, 3), "
    "channel_ratios=(1, 1 / 2), width_multiplier=1 / 16",
    "epochs=10": "epochs=1",
    '(160, 160, 3), include_top=False, weights="imagenet"': "(32, 32, 3), include_top=False, "
    "weights=None, alpha=0.35",
    "Input((160, 160, 3))": "Input((32, 32, 3))",
    '"train", 128, source="digits")': '"test", 128, source="digits")',
    "probes=[(24, 32), (40, 32)])": "probes=[(24, 32), (40, 32)], stride=28)",
    "max_params=3_000_000": "max_params=100_000",
    "repeats=(1, 2)": "repeats=(1,)",
    "max_trials=20": "max_trials=1",
}
PROGRAMS_SMALLER = {  # what is replaced in applications/
    "quickstart.py": {"seed=0)": "seed=0, epochs=1, steps_per_epoch=1, batch_size=2, repeats=1)"},
    "segmentation.py": {"200, 150, 64": "1, 1, 2"},
    "spatial_transformer.py": {
        '"quick"': '"smoke"',
        ', source="digits"': "",  # the smoke scale has it
        "in DISTORTIONS": "in list(DISTORTIONS)[:1]",
    },
    "located_digits.py": {"15, 100, 64": "1, 1, 4"},
    "cifar_classification.py": {'"quick"': '"smoke"'},
    "imagenet_classification.py": {
        '"R-MG-34"': '"R-MG-18", width_multiplier=1 / 16, image_size=32',
        "epochs=30": "epochs=1",
        "steps_per_epoch=500": "steps_per_epoch=1",
        "batch_size=64": "batch_size=2",
    },
    "channel_ratios.py": {
        "epochs=3, steps_per_epoch=100": "epochs=1, steps_per_epoch=1, batch_size=2",
        "trials=14, workers=2": "trials=2",
        "(0, 1, 2)": "(0,)",
    },
}
SLOW = (  # their like is run by other tests, or by another command
    "keras-multigrid models 'R-*'",
    "keras-multigrid data mnist_segmentation --source digits --preview",
    "keras-multigrid export runs/first --format savedmodel",
    "keras-multigrid reproduce multigrid-figures",
    "keras-multigrid reproduce top-down",
    "keras-multigrid train located_mnist",
    "keras-multigrid train runs/tune/best.json",
    "keras-multigrid tune",
)


def longest_beginning(text, beginnings):
    """Returns the longest of some beginnings that a text has, or None."""
    return max((each for each in beginnings if text.startswith(each)), key=len, default=None)


def made_small(command):
    """Returns a command with its placeholders filled in, and the options that make it small."""
    for name, value in PLACEHOLDERS.items():
        command = f"{command} ".replace(f" {name} ", f" {value} ").strip()
    return f"{command} {SMALLER.get(longest_beginning(command, SMALLER), '')}".strip()
