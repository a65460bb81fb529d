"""Reads what a user would copy: commands and Python of pages, docstrings and `--help`."""

import ast
import contextlib
import io
import pathlib
import re
import shlex

from keras_multigrid.cli import main

ROOT = pathlib.Path(__file__).parents[2]
TOCTREE = re.compile(r"^:::\{toctree\}\n(.*?)^:::$", re.MULTILINE | re.DOTALL)


def pages_from(page):
    """Yields a page of the site, and all those that it lists, in their order."""
    yield page
    for listed in TOCTREE.findall(page.read_text()):
        for name in listed.split():
            if not name.startswith(":"):
                yield from pages_from(page.parent / f"{name}.md")


MANUAL = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *pages_from(ROOT / "docs/index.md")]
RECORDS = sorted(ROOT.glob("results/*.md"))  # their blocks without a language are output
PAGES = [*MANUAL, *RECORDS]
SOURCES = [
    path
    for folder in ("keras_multigrid", "applications", "tools")
    for path in sorted(ROOT.glob(f"{folder}/**/*.py"))
]
PROGRAMS = (
    "keras-multigrid python python3 pip tfds tensorboard docker curl echo ruff sphinx-build .ci/run"
).split()
FENCED = re.compile(r"^```([^`\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CELL = "{code-cell}"
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def name_of(path):
    return str(path.relative_to(ROOT))


def python_blocks(path):
    """Returns the Python blocks of a page, in order."""
    return [block for kind, block in FENCED.findall(path.read_text()) if kind == "python"]


def parts_of(text):
    """Returns the commands of a block, each of whose lines begins one, or continues one."""
    lines = re.sub(r"(\\\n|\|\n)\s*", lambda found: found[1].strip("\\\n") + " ", text)
    lines = [re.sub(r"(^|\s)#\s.*", "", line).strip() for line in lines.splitlines()]
    return [
        part.strip().removeprefix(".venv/bin/")
        for line in lines
        for part in line.split(" && ")
        if part.strip()
    ]


def commands_in(text):
    """Returns the commands of a text that may have other lines, too."""
    return [command for command in parts_of(text) if program(command) in PROGRAMS]


def program(command):
    words = command.split()
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    return words[0] if len(words) > 1 or words == [".ci/run"] else None


def commands_of_page(path):
    """Returns the commands of a page: of its blocks without a language, then those in its lines."""
    text = path.read_text()
    blocks = [block for kind, block in FENCED.findall(text) if kind in ("", "sh", "console")]
    inline = INLINE.findall(FENCED.sub("", text))
    return [command for part in [*blocks, *inline] for command in commands_in(part)]


def commands_of_cells(path):
    """Returns the commands in the cells of a page that is a notebook."""
    cells = [block for kind, block in FENCED.findall(path.read_text()) if kind.startswith(CELL)]
    return [command for cell in cells if "%%bash" in cell for command in commands_in(cell)]


def commands_of_docstrings(path):
    """Returns the commands in the docstrings of a file, on lines of their own or in backquotes."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node) or ""
            found += [
                command
                for command in commands_in(text)
                if program(command) != "python" or ".py" in command  # and not a sentence
            ]
            inline = INLINE.findall(" ".join(text.split()))
            found += [command for part in inline for command in commands_in(part)]
    # `keras-multigrid serve` alone names a command.
    return [command for command in found if len(command.split()) > 2]


def help_of(*words):
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.suppress(SystemExit):
        main([*words, "--help"])
    return output.getvalue()


def names_of_commands():
    (names,) = re.findall(r"^  \{(.*)\}$", help_of(), re.MULTILINE)
    return names.split(",")


def commands_of_help():
    """Returns the examples of `keras-multigrid --help`, and of that of all its commands."""
    pages = [help_of(), *(help_of(name) for name in names_of_commands())]
    return [
        " ".join(example.split())
        for page in pages
        for example in re.findall(r"^Example: (keras-multigrid .*)$", page, re.MULTILINE)
    ]


def documented():
    """Returns each documented command once, with the first place that it stands in."""
    places = [(name_of(path), commands_of_page(path)) for path in PAGES]
    places += [(f"{CELL} of {name_of(path)}", commands_of_cells(path)) for path in MANUAL]
    places.append(("--help", commands_of_help()))
    places += [(name_of(path), commands_of_docstrings(path)) for path in SOURCES]
    found = {}
    for place, commands in places:
        for command in commands:
            found.setdefault(command, place)
    return found


def words_of(command):
    """Returns the words of a command, and the variables that are set before them."""
    words = shlex.split(command)
    variables = {}
    while re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return words, variables
