"""Decoded images and masks, kept."""

import threading

MOST_KEPT = 2**30  # bytes


class Memory:
    """Decoded images and masks, as many as fit: decoding anew costs more than a training step."""

    def __init__(self, most=MOST_KEPT):
        self._most, self._kept, self._lock = most, {}, threading.Lock()

    def get(self, key, decode):
        """Returns what is kept under a key, or what is decoded now."""
        if key in self._kept:
            return self._kept[key]
        arrays = decode()
        size = sum(array.nbytes for array in arrays)
        with self._lock:
            if size <= self._most and key not in self._kept:
                self._most -= size
                self._kept[key] = arrays
        return arrays
