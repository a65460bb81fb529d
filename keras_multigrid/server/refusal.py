"""What a request gets instead of an answer."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Refusal:
    """What a request gets instead of an answer; an error would keep its frames, and their images.

    Attributes:
        status: Of HTTP.
        sentence: For the client.
    """

    status: int
    sentence: str
