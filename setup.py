"""Installs the package keras_multigrid alone, not the programs beside it."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "keras_multigrid/__init__.py").read_text())

EXPORT = [
    "tf2onnx>=1.17",  # ONNX
    "tensorflow-serving-api>=2.21",  # requests to warm up TensorFlow Serving
]
SERVE = [
    "starlette>=1.0",  # requests and responses
    "uvicorn>=0.40",  # HTTP
    "httptools>=0.6.4",  # with which uvicorn is faster
    "pydantic-core>=2.40",  # its parser of JSON
    "prometheus-client>=0.20",  # the page of metrics
    "tensorflow-serving-api>=2.21",  # what files of several models mean
    "openvino>=2026.4",  # computes faster than TensorFlow on CPUs
]

TUNE = ["keras-tuner>=1.4.8,<1.5"]  # searches; some of what is overridden is not public

setup(
    name="keras_multigrid",
    version=VERSION.group(1),
    description="Multigrid neural networks for Keras 3: layers that read and write pyramids",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["keras_multigrid", "keras_multigrid.*"]),
    package_data={
        "keras_multigrid.attention_maps": ["page.html"],
        "keras_multigrid.server": ["page.html"],
        "keras_multigrid.applications": ["weights/*"],  # each with its card
    },
    python_requires=">=3.11",
    # Where a floor gives no other reason, it is the oldest version that was tested.
    install_requires=[
        "keras>=3.15",  # layers and models
        "tensorflow>=2.21",  # the default backend; tf.data, SavedModel
        "tensorflow-datasets>=4.9.10",  # MNIST, CIFAR, ImageNet
        "importlib_resources>=6.0",  # tensorflow-datasets imports it without declaring it
        "filelock>=3.16",  # keeps other processes out of a run's folder, on Windows too
        "scikit-learn>=1.4.2",  # ships the handwritten digits; the first for NumPy 2
        "tensorboard>=2.20",  # TensorFlow's and keras-tuner's logs need it, both undeclared
        "pillow>=10.4",  # reads image files that TensorFlow misreads; the first for NumPy 2
        "scipy>=1.13",  # draws distorted digits; the first for NumPy 2
        "tifffile>=2024.5.22",  # images of 16 bits, floats, many channels; the first for NumPy 2
        "imagecodecs>=2024.6.1",  # compressed TIFF; the first for NumPy 2
    ],
    extras_require={
        "tune": TUNE,
        "export": EXPORT,
        "serve": SERVE,
        "plot": ["matplotlib>=3.9"],  # pictures; the first for NumPy 2
        "jax": ["jax>=0.10"],  # the JAX backend
        "cuda": ["tensorflow[and-cuda]>=2.21"],  # TensorFlow with its CUDA libraries
        "test": [
            *EXPORT,
            *SERVE,
            *TUNE,
            "ai-edge-litert>=2.3",  # runs LiteRT models
            "onnxruntime>=1.31",  # runs ONNX models
            "hypothesis>=6.100",  # generated shapes
            "jax>=0.10",  # the backends are compared
            "matplotlib>=3.9",  # the quickstart draws
            "pytest>=8.0",  # runs the tests
            "pytest-xdist>=3.5",  # on all cores
            "selenium>=4.40",  # points at pixels of a page, in Chromium
            "ruff>=0.17,<0.18",  # lint and format, which change with its minor versions
        ],
    },
    entry_points={"console_scripts": ["keras-multigrid = keras_multigrid.cli:main"]},
)
