"""The command line, with time between the steps to be killed: SECONDS, then its arguments."""

import sys
import time

import keras

from keras_multigrid.cli import main
from keras_multigrid.datasets import Segmentation


class SlowHistory(keras.callbacks.History):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(float(sys.argv[1]))


if __name__ == "__main__":
    keras.callbacks.History = SlowHistory
    Segmentation.jit_compile = False  # drawn as it comes, without compiling for seconds
    sys.exit(main(sys.argv[2:]))
