"""How long a prediction goes on, told every few seconds."""

import time

from keras_multigrid.datasets.class_folders import printable
from keras_multigrid.progress import say

SECONDS = 10


class Progress:
    """Says at times how far a prediction has come.

    Args:
        images: Number of images.
    """

    def __init__(self, images):
        self._images, self._done, self._pixels = images, 0, 0
        self._began = self._said = time.monotonic()
        self._remarks = set()

    def tile(self, name, number, tiles, pixels):
        """Counts a part of an image."""
        self._pixels += pixels
        self._say(f"; {printable(str(name))}: tile {number} of {tiles}" if tiles > 1 else "")

    def image(self):
        """Counts an image."""
        self._done += 1
        self._say("")

    def remark(self, path, sentence):
        """Says something about an image, of several with the same about the first."""
        if sentence not in self._remarks:
            self._remarks.add(sentence)
            say(f"{printable(str(path))} {sentence}. So may others, of which it is not said.")

    def _say(self, more):
        now = time.monotonic()
        if now - self._said < SECONDS:
            return
        self._said = now
        rate = self._pixels / 1e6 / (now - self._began)
        say(f"{self._done} of {self._images} images{more}; {rate:.2f} megapixels a second")
