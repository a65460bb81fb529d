"""How the name of a mask follows from that of its image: `{number}_manual1.gif`."""

import re

PLACEHOLDERS = ("{stem}", "{number}")


def check_pattern(**patterns):
    """Raises a `ValueError` if a pattern, given by its name, cannot be meant; None is none."""
    for name, pattern in patterns.items():
        if pattern is None:
            continue
        rest = pattern.replace("{stem}", "").replace("{number}", "") if _is_text(pattern) else ""
        if not _is_text(pattern) or rest == pattern or set(rest) & set("{}/\\"):
            raise ValueError(
                f"{name} is {pattern!r}; expected the name of a file with {{stem}}, the image's "
                "name without its suffix, or {number}, the first digits in it, such as "
                "{stem}_mask.png."
            )


def filled(pattern, stem):
    """Returns the name that a pattern gives for an image; None if it lacks the number."""
    number = re.search(r"\d+", stem)
    if "{number}" in pattern and number is None:
        return None
    return pattern.replace("{stem}", stem).replace("{number}", number[0] if number else "")


def suggested(stems, names):
    """Returns a pattern by which each of some images would find a file, or None.

    Args:
        stems: Of the images.
        names: Of the files, as a set.
    """
    first = min(stems)
    number = re.search(r"\d+", first)
    parts = [(first, "{stem}")] + ([(number[0], "{number}")] if number else [])
    for text, placeholder in parts:
        for name in sorted(names):
            start, found, end = name.partition(text)
            pattern = f"{start}{placeholder}{end}"
            if found and not set(start + end) & set("{}"):
                matches = [filled(pattern, stem) for stem in stems]
                if len(set(matches)) == len(matches) and set(matches) <= names:
                    return pattern
    return None


def _is_text(pattern):
    return isinstance(pattern, str)
