"""LitServe's server, whose end clients see at once."""

import contextlib
import socket

import litserve


class Server(litserve.LitServer):
    """LitServe's server; after its end has begun, new connections are refused.

    Other processes than the one for HTTP hold the listening socket as well. Were it only closed
    there, the kernel would take connections that nobody answers, and reset them at the very end.
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
        """Leaves it to `supervised`; LitServe's thread loses its connections at the end."""


class _Listening(socket.socket):
    def close(self):
        if self.fileno() >= 0:
            with contextlib.suppress(OSError):  # macOS does not shut listening sockets down
                self.shutdown(socket.SHUT_RDWR)
        super().close()
