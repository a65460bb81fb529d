"""Makes the long description, for an index has no pictures or pages; the rest: pyproject.toml."""

import pathlib
import re

from setuptools import setup

PICTURES = re.compile(r"!\[[^]]*\]\([^)]*\)\n+(?:\*[^*]*\*\n+)?")  # each with its caption
COMMENTS = re.compile(r"<!--.*?-->\n?")
LINKS = re.compile(r"\[([^]]*)\]\((?!https?://)([^)#]*)[^)]*\)")


def long_description(readme):
    """Returns README without pictures, and with files of the repository named in words."""
    text = COMMENTS.sub("", PICTURES.sub("", readme))
    return LINKS.sub(r"\1 (`\2`)", text)


readme = pathlib.Path(__file__).with_name("README.md").read_text()
setup(long_description=long_description(readme), long_description_content_type="text/markdown")
