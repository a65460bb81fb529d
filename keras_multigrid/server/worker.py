"""The computing process as the process for HTTP sees it."""

import asyncio
import multiprocessing
import subprocess
import sys

from keras_multigrid.progress import say
from keras_multigrid.server.refusal import Refusal

ENDED = "The computing process ended while it was at work on this; it starts again: send it anew."


class Worker:
    """The computing process, which is started again when it has ended.

    Args:
        runtime: "openvino" or "tensorflow".
    """

    def __init__(self, runtime):
        self._runtime, self._loaded = runtime, {}
        self._ready, self._placing = asyncio.Event(), asyncio.Lock()

    @property
    def ready(self):
        """Whether it computes now."""
        return self._ready.is_set()

    def start(self):
        """Starts the process, in a session of its own: no signal to a group ends its work."""
        self._batches, batches = multiprocessing.Pipe()
        self._networks, networks = multiprocessing.Pipe()
        files = (batches.fileno(), networks.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-m", "keras_multigrid.server.computing", self._runtime]
            + [str(file) for file in files],
            stdin=subprocess.DEVNULL,
            pass_fds=files,
            start_new_session=True,
        )
        batches.close()
        networks.close()
        self._ready.set()

    def end(self):
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.wait()

    async def load(self, key, interface):
        """Loads a network and warms it up; returns what was wrong, or None."""
        async with self._placing:
            wrong = await self._place(key, interface)
            if wrong is None:
                self._loaded[key] = interface
                return None
        return f"{self._runtime} cannot compute it ({wrong})"

    async def release(self, key):
        """Lets a network go."""
        async with self._placing:
            del self._loaded[key]
            await self._place(key, None)

    async def compute(self, key, signature, arrays):
        """Computes a batch; see `Networks.compute`."""
        await self._ready.wait()
        try:
            return await _ask(self._batches, (key, signature, arrays))
        except (EOFError, OSError):
            self._ready.clear()
            return Refusal(503, ENDED)

    async def watch(self):
        """Starts the process again whenever it has ended.

        Raises:
            ChildProcessError: If it ends, or fails, while it loads what it had loaded.
        """
        while True:
            status = await asyncio.to_thread(self._process.wait)
            self._ready.clear()
            say(f"The computing process ended, with status {status}; it starts again.")
            async with self._placing:
                self.start()
                self._ready.clear()
                for key, interface in self._loaded.items():
                    if wrong := await self._place(key, interface):
                        raise ChildProcessError(
                            f"{interface.folder} cannot be loaded again ({wrong}); see above."
                        )
            self._ready.set()
            say("The computing process is ready again.")

    async def _place(self, key, interface):
        try:
            return await _ask(self._networks, (key, interface))
        except (EOFError, OSError):
            return "the process ended"


async def _ask(connection, question):
    """Returns the answer to a question; who is asked does nothing but wait for it.

    It is not done in a thread, which would wait for Python's lock again and again.
    """
    connection.send(question)
    loop, answered = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(connection.fileno(), answered.set)
    try:
        await answered.wait()
    finally:
        loop.remove_reader(connection.fileno())
    return connection.recv()
