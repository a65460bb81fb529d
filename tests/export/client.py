"""A fresh process that runs exported models with one runtime: `python client.py RUNTIME FOLDER`.

It knows nothing of this package. In each sub-folder of FOLDER lie `1`, the exported version, and
`images_*.npy`; the outputs of each go to `outputs_*.npz`. It prints the modules it had to import.
"""

import pathlib
import sys

import numpy as np


def tensorflow(folder):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))

    def call(images):
        # The function alone would let go of its variables.
        return loaded.signatures["serving_default"](images=tf.constant(images))

    return call


def onnxruntime(folder):
    import onnxruntime as ort

    session = ort.InferenceSession(folder / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {"images": images})))


def openvino(folder):
    import openvino as ov

    # Where the processor has it, OpenVINO computes in bfloat16 by default.
    precision = {"INFERENCE_PRECISION_HINT": "f32"}
    model = ov.compile_model(ov.convert_model(folder), "CPU", precision)

    def call(images):
        return {output.any_name: array for output, array in model({"images": images}).items()}

    return call


def litert(folder):
    from ai_edge_litert.interpreter import Interpreter

    def call(images):
        interpreter = Interpreter(str(folder / "model.tflite"))
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], images.shape)
        return interpreter.get_signature_runner("serving_default")(images=images)

    return call


if __name__ == "__main__":
    runtime, root = sys.argv[1], pathlib.Path(sys.argv[2])
    for folder in sorted(root.iterdir()):
        call = globals()[runtime](folder / "1")
        for path in sorted(folder.glob("images_*.npy")):
            outputs = {name: np.asarray(array) for name, array in call(np.load(path)).items()}
            np.savez(folder / path.name.replace("images", "outputs").replace(".npy", ""), **outputs)
    print(*sorted({name.partition(".")[0] for name in sys.modules}))
