"""Processes that end when the one that started them has ended."""

import os
import threading
import time


def end_with_parent(parent):
    """Ends this process soon after its parent has ended, even if that was killed.

    Windows keeps the number of a parent that has ended: there a process goes on.

    Args:
        parent: Number of the parent's process.
    """

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
