"""LitServe's server, which refuses new connections as soon as it is about to end."""

import contextlib
import socket

import litserve


class Server(litserve.LitServer):
    """LitServe's server, which refuses new connections as soon as it is about to end.

    Other processes than the one for HTTP hold the listening socket as well. If it were only closed
    there, the kernel would accept connections that nobody answers, and reset them at the very end.
    """

    ending = None  # the `Ending`

    def verify_worker_status(self):
        self.ending.allow(True)
        super().verify_worker_status()

    def _start_server(self, port, number, log_level, sockets, *arguments, **options):
        self.ending.allow(False)
        sockets = [_Listening(fileno=listening.detach()) for listening in sockets]
        started = super()._start_server(port, number, log_level, sockets, *arguments, **options)
        self.ending.allow(True)
        return started

    def _start_worker_monitoring(self, *arguments):
        """Does nothing: `supervised` watches; LitServe's thread loses connections at the end."""


class _Listening(socket.socket):
    def close(self):
        if self.fileno() >= 0:
            with contextlib.suppress(OSError):  # macOS does not shut listening sockets down
                self.shutdown(socket.SHUT_RDWR)
        super().close()
