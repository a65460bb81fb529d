"""The computing process: loads networks, and computes batches of images.

It is asked over two connections, one for batches and one for networks, so that it goes on to
compute while a network is loaded. It ends when the process that asks has ended.
"""

import contextlib
import logging
import os
import sys
import threading
from multiprocessing.connection import Connection

import numpy as np

from keras_multigrid.export.serving import EXAMPLE_SIDE
from keras_multigrid.server.interface import DEFAULT
from keras_multigrid.server.refusal import Refusal
from keras_multigrid.server.runtimes import RUNTIMES


class Networks:
    """The networks that are loaded.

    Args:
        runtime: A class of `RUNTIMES`.
    """

    def __init__(self, runtime):
        self._runtime, self._loaded = runtime, {}

    def place(self, key, interface):
        """Loads a network and warms it up, or lets it go if the interface is None.

        Returns:
            What was wrong, or None.
        """
        self._loaded.pop(key, None)
        if interface is None:
            return None
        shape = [side or EXAMPLE_SIDE for side in interface.shape]
        try:
            network = self._runtime(interface)
            network.run(DEFAULT, np.zeros((1, *shape)))  # the first call takes seconds
        except Exception as error:  # the runtimes raise nearly anything
            return type(error).__name__
        self._loaded[key] = network
        return None

    def compute(self, key, signature, arrays):
        """Computes several arrays of images of one shape as one batch.

        Returns:
            A dictionary from the outputs' names to arrays for each of the arrays, or a `Refusal`.
        """
        try:
            outputs = self._loaded[key].run(signature, np.concatenate(arrays))
        except ValueError as error:
            return Refusal(400, str(error))
        except Exception:
            logging.getLogger(__name__).exception("A batch failed")
            return Refusal(500, "The network failed on this request; see the server's log.")
        ends = np.cumsum([len(array) for array in arrays])[:-1]
        parts = {name: np.split(output, ends) for name, output in outputs.items()}
        return [{name: part[n] for name, part in parts.items()} for n in range(len(arrays))]


def main(runtime, batches, networks):
    """Answers until the other process has ended.

    Args:
        runtime: A key of `RUNTIMES`.
        batches, networks: Numbers of the connections' files.
    """
    loaded = Networks(RUNTIMES[runtime])
    arguments = (Connection(int(batches)), loaded.compute)
    threading.Thread(target=_answer, args=arguments, daemon=True).start()
    _answer(Connection(int(networks)), loaded.place)
    os._exit(0)  # whatever is being computed


def _answer(connection, function):
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(function(*connection.recv()))


if __name__ == "__main__":
    main(*sys.argv[1:])
