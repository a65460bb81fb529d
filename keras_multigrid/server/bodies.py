"""The bodies of requests, never longer than they may be."""

import zlib

from starlette.requests import ClientDisconnect

from keras_multigrid.server.refusal import Refusal

GZIP = 31  # zlib's number for that format, with the largest window


async def read_body(request, most):
    """Returns the body of a request, decompressed, or a `Refusal`.

    Args:
        request: Starlette's.
        most: Number of bytes that it may have, compressed and decompressed.
    """
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        return Refusal(415, f"The body is compressed by {encoding}; send it as it is, or by gzip.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                return _too_long(most)
    except ClientDisconnect:
        return Refusal(400, "The connection ended before the body did.")
    return _decompressed(body, most) if encoding == "gzip" else bytes(body)


def _decompressed(body, most):
    decoder = zlib.decompressobj(GZIP)
    try:
        decoded = decoder.decompress(body, most + 1)
    except zlib.error as error:
        return Refusal(400, f"The body is not gzip, or is damaged: {error}; compress it anew.")
    if len(decoded) > most:
        return _too_long(most)
    if not decoder.eof or decoder.unused_data:
        return Refusal(400, "The body is not one whole gzip file; compress it anew.")
    return decoded


def _too_long(most):
    return Refusal(
        413,
        f"The body has more than {most / 2**20:g} MiB; send fewer images, or image files.",
    )
