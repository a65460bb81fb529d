"""The server's processes: that they end together, and in good order."""

import contextlib
import multiprocessing
import os
import signal

from keras_multigrid.child_processes import end_with_parent


class Ending:
    """Raises what ends the server, but notes it while processes are being started.

    What a signal raises there may be lost, and leaves processes that read half of their start.
    """

    def __init__(self):
        self.error, self.may_raise = None, False

    def come(self, error):
        """Ends the server by an error, now or as soon as it may."""
        self.error = self.error or error
        self.allow(self.may_raise)

    def allow(self, may_raise):
        """Says whether errors may be raised; one that was noted is raised now."""
        self.may_raise = may_raise
        if may_raise and self.error is not None:
            raise self.error


@contextlib.contextmanager
def supervised():
    """Turns SIGTERM into Ctrl-C, for LitServe; ends everything when one process has ended.

    Yields:
        The `Ending`, which raises nothing until it is allowed to.
    """
    supervisor, ending = os.getpid(), Ending()

    def stop(*_):
        if os.getpid() == supervisor:  # forked processes inherit this, and must outlive the signal
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            ending.come(KeyboardInterrupt())

    def fail(*_):
        if os.getpid() == supervisor:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _kill_children()
            ending.come(ChildProcessError("A process of the server ended; it says why above."))

    os.register_at_fork(after_in_child=lambda: end_with_parent(os.getppid()))
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGCHLD, fail)
    try:
        yield ending
    except KeyboardInterrupt:  # before LitServe was ready for it
        pass
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _kill_children()


def _kill_children():
    for child in multiprocessing.active_children():
        child.kill()
