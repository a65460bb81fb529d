"""LitServe's server, whose end clients see at once."""

import contextlib
import socket

import litserve


class Server(litserve.LitServer):
    """LitServe's server; after its end has begun, new connections are refused.

    Other processes than the one for HTTP hold the listening socket as well. Were it only closed
    there, the kernel would take connections that nobody answers, and reset them at the very end.
    """

    def _start_server(self, port, number, log_level, sockets, *arguments, **options):
        sockets = [_Listening(fileno=listening.detach()) for listening in sockets]
        return super()._start_server(port, number, log_level, sockets, *arguments, **options)


class _Listening(socket.socket):
    def close(self):
        if self.fileno() >= 0:
            with contextlib.suppress(OSError):  # macOS does not shut listening sockets down
                self.shutdown(socket.SHUT_RDWR)
        super().close()
