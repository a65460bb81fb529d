"""The server's processes: that they end together, and in good order."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time


@contextlib.contextmanager
def supervised():
    """Turns SIGTERM into Ctrl-C, for LitServe; ends everything when one process has ended."""
    supervisor = os.getpid()

    def stop(*_):
        if os.getpid() == supervisor:  # forked processes inherit this, and must outlive the signal
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            raise KeyboardInterrupt

    def fail(*_):
        if os.getpid() == supervisor:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _kill_children()
            raise ChildProcessError("A process of the server ended; it says why above.")

    os.register_at_fork(after_in_child=lambda: die_with_parent(os.getppid()))
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGCHLD, fail)
    try:
        yield
    except KeyboardInterrupt:  # before LitServe was ready for it
        pass
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _kill_children()


def die_with_parent(parent):
    """Ends this process soon after its parent, of that number, has ended, be it by SIGKILL."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _kill_children():
    for child in multiprocessing.active_children():
        child.kill()
