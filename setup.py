"""Installs the package keras_multigrid alone, not the programs beside it."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "keras_multigrid/__init__.py").read_text())

setup(
    name="keras_multigrid",
    version=VERSION.group(1),
    description="Multigrid neural networks for Keras 3: layers that read and write pyramids",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["keras_multigrid", "keras_multigrid.*"]),
    python_requires=">=3.11",
    install_requires=[
        "keras>=3.13",  # clone_model counts layer calls, StatelessScope leaves weights unallocated
        "tensorflow>=2.18",  # the default backend; the first that Keras 3.13 and NumPy 2 agree on
        "tensorflow-datasets>=4.9.8",  # MNIST, CIFAR, ImageNet; the first for NumPy 2
        "importlib_resources>=6.0",  # tensorflow-datasets imports it without declaring it
        "scikit-learn>=1.4",  # ships the handwritten digits
        "scipy>=1.12",  # draws distorted digits; scikit-learn brings it anyway
    ],
    extras_require={
        "tune": ["keras-tuner>=1.4.7", "tensorboard>=2.18"],  # keras-tuner needs it undeclared
        "plot": ["matplotlib>=3.8"],  # pictures; the first with every layout we use and NumPy 2
        "jax": ["jax>=0.4.34"],  # the first that Keras 3.13 supports
        "cuda": ["tensorflow[and-cuda]>=2.18"],  # TensorFlow with its CUDA libraries
        "test": [
            "hypothesis>=6.100",  # generated shapes
            "jax>=0.4.34",  # the backends are compared
            "matplotlib>=3.8",  # the quickstart draws
            "pytest>=8.0",
            "pytest-xdist>=3.5",  # both cores
            "ruff>=0.17,<0.18",  # lint and format, which change with its minor versions
        ],
    },
    entry_points={"console_scripts": ["keras-multigrid = keras_multigrid.cli:main"]},
)
