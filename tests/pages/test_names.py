"""What pages and docstrings name exists: functions, files, extras, settings, options."""

import ast
import doctest
import pkgutil
import re
import tomllib

import pytest

from keras_multigrid.recipes import RECIPES
from tests.pages import reading
from tests.pages.small import EXAMPLES_NOT_RUN

PYTHON = sorted(reading.ROOT.glob("[!.]*/**/*.py"))
LINKS = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
FILES = re.compile(r"`((?:applications|docs|results|tests|tools|keras_multigrid)/[^\s`]*)`")


def texts():
    """Yields (place, text) of all pages, docstrings and comments."""
    for path in [*reading.PAGES, *reading.SOURCES]:
        yield reading.name_of(path), path.read_text()


def examples():
    """Yields (place, example) of all docstrings of the package."""
    for path in reading.SOURCES:
        if ">>> " not in path.read_text():
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                for example in doctest.DocTestParser().get_examples(text):
                    yield reading.name_of(path), example


@pytest.mark.parametrize("path", [*reading.PAGES, *reading.SOURCES], ids=reading.name_of)
def test_each_dotted_name_exists(path):
    for name in set(re.findall(r"\b(?:kmg|keras_multigrid)((?:\.\w+)+)", path.read_text())):
        pkgutil.resolve_name(f"keras_multigrid{name}")


@pytest.mark.parametrize("path", reading.PAGES, ids=reading.name_of)
def test_each_linked_or_named_file_exists(path):
    text = path.read_text()
    for link in LINKS.findall(text):
        assert (path.parent / link).exists(), link
    for name in FILES.findall(text):
        assert (reading.ROOT / name).exists(), name


def test_each_extra_that_is_to_be_installed_is_declared():
    project = tomllib.loads((reading.ROOT / "pyproject.toml").read_text())["project"]
    declared = set(project["optional-dependencies"])
    for place, text in texts():
        for extras in re.findall(r"(?:keras_multigrid|\.)\[([\w,]+)\]['\"]", text):
            assert set(extras.split(",")) <= declared, (place, extras)


def test_each_setting_of_a_recipe_that_a_page_names_is_one():
    fields = {name for recipe in RECIPES.values() for name in recipe.__dataclass_fields__}
    text = "\n".join(page.read_text() for page in reading.MANUAL)
    settings = set(re.findall(r"--set '?(\w+)=", text)) - {"KEY"}
    (table,) = re.findall(r"\| switch \|.*?\n\n", text, re.DOTALL)
    settings |= set(re.findall(r"`(\w+)=[\w.]+`", table))
    assert len(settings) > 20
    assert settings <= fields


def test_each_option_that_a_page_names_is_one():
    known = set(re.findall(r"--[\w-]+", reading.help_of()))
    for name in reading.names_of_commands():
        known |= set(re.findall(r"--[\w-]+", reading.help_of(name)))
    for page in reading.MANUAL:
        inline = reading.INLINE.findall(reading.FENCED.sub("", page.read_text()))
        for text in inline:
            if text.startswith("--"):
                assert text.split()[0] in known, text


def calls_of_compile(text):
    for node in ast.walk(ast.parse(text)) if ".compile(" in text else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            module = getattr(node.func.value, "id", "")
            if node.func.attr == "compile" and module != "re":
                yield node


def test_metrics_are_not_given_to_compile_by_place():
    """Keras takes a third positional argument as `loss_weights`."""
    found = [(reading.name_of(path), path.read_text()) for path in PYTHON]
    found += [
        (reading.name_of(page), block)
        for page in reading.PAGES
        for block in reading.python_blocks(page)
    ]
    found += [(place, example.source) for place, example in examples()]
    calls = [(place, call) for place, text in found for call in calls_of_compile(text)]
    assert len(calls) > 50
    assert [(place, ast.unparse(call)) for place, call in calls if len(call.args) > 2] == []


def test_examples_that_are_not_run_are_listed_with_a_reason():
    skipped = [
        (place, example.source)
        for place, example in examples()
        if example.options.get(doctest.SKIP)
    ]
    for place, source in skipped:
        assert any(text in source for text in EXAMPLES_NOT_RUN), (place, source)
    for text in EXAMPLES_NOT_RUN:
        assert any(text in source for _, source in skipped), text
