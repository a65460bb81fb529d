"""Computes batches of images: by TensorFlow or OpenVINO, with all cores."""

import functools

import numpy as np

from keras_multigrid.server.interface import DEFAULT


class TensorFlowRuntime:
    """Computes all signatures, as the exported program says."""

    def __init__(self, interface):
        import tensorflow as tf

        self._tensorflow, self._dtype = tf, interface.dtype
        self._loaded = tf.saved_model.load(str(interface.folder))  # signatures do not keep it alive

    def run(self, signature, images):
        """Computes a batch of images of any dtype; returns arrays by the outputs' names.

        Raises:
            ValueError: If the network cannot compute images of this shape.
        """
        images = self._tensorflow.constant(images.astype(self._dtype, copy=False))
        try:
            outputs = self._loaded.signatures[signature](images=images)
        except self._tensorflow.errors.InvalidArgumentError as error:
            raise ValueError(_refusal(images, error)) from error
        return {name: output.numpy() for name, output in outputs.items()}


class OpenVINORuntime:
    """Computes the default signature, faster; the others, which it cannot read, by TensorFlow."""

    def __init__(self, interface):
        import openvino

        core = openvino.Core()
        self._interface = interface
        accurate = {"EXECUTION_MODE_HINT": "ACCURACY"}  # else bfloat16 where the processor has it
        self._compiled = core.compile_model(core.read_model(interface.folder), "CPU", accurate)
        self._names = [output.any_name for output in self._compiled.outputs]

    @functools.cached_property
    def _of_other_signatures(self):
        return TensorFlowRuntime(self._interface)

    def run(self, signature, images):
        """Computes a batch; see `TensorFlowRuntime.run`."""
        if signature != DEFAULT:
            return self._of_other_signatures.run(signature, images)
        try:
            outputs = self._compiled([images.astype(self._interface.dtype, copy=False)])
        except RuntimeError as error:
            raise ValueError(_refusal(images, error)) from error
        return {name: np.array(outputs[number]) for number, name in enumerate(self._names)}


RUNTIMES = {"tensorflow": TensorFlowRuntime, "openvino": OpenVINORuntime}


def _refusal(images, error):
    reason = str(error).strip().splitlines()[0]
    return f"The network cannot compute images of shape {tuple(images.shape[1:])}: {reason}"
