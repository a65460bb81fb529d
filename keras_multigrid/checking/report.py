"""What a check found."""

import contextlib
import dataclasses
import warnings

ERROR, WARNING = "error", "warning"


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something that is wrong, or may be.

    Attributes:
        severity: `"error"` where training would be wrong, else `"warning"`.
        sentence: What came, what was expected, and what to do.
        files: Paths of the files in question.

    Example:

    >>> from keras_multigrid.checking import Problem
    >>> problem = Problem("warning", "2 images have one value alone.", ("a.png", "b.png"))
    """

    severity: str
    sentence: str
    files: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class ClassRow:
    """A class in numbers.

    Attributes:
        name: Of the class.
        colour: `0xRRGGBB`, in which pictures show it.
        stored: What mask files hold for it, as text; None of class folders.
        pixels: Number of pixels that count, by split; of class folders none.
        shares: Its share of the pixels that count, or of the images, by split.
        images: Number of the images that show it, by split.
    """

    name: str
    colour: int
    stored: str | None
    pixels: dict[str, int]
    shares: dict[str, float]
    images: dict[str, int]


@dataclasses.dataclass(frozen=True)
class Sample:
    """An image to look at.

    Attributes:
        name: To be shown below it.
        image: Path of the file.
        pair: Its `Pair`, or None of class folders.
    """

    name: str
    image: str
    pair: object = None


@dataclasses.dataclass(frozen=True)
class Report:
    """What is in a folder, and what is wrong with it.

    Attributes:
        data_dir: The folder, as text.
        kind: `"masks"`, or `"classes"` of class folders.
        problems: `Problem`s, the errors first.
        facts: Pairs of a name and a text.
        classes: `ClassRow`s, if the classes are clear.
        samples: `Sample`s.
        labels: `MaskLabels`, if they are clear.

    Example:

    >>> from keras_multigrid.checking import Problem, Report
    >>> report = Report("photos", "masks", (Problem("error", "There are no masks."),))
    >>> len(report.errors), len(report.warnings), [*report.lines()]
    (1, 0, ['', 'error: There are no masks.'])
    """

    data_dir: str
    kind: str
    problems: tuple[Problem, ...]
    facts: tuple[tuple[str, str], ...] = ()
    classes: tuple[ClassRow, ...] = ()
    samples: tuple[Sample, ...] = ()
    labels: object = None

    @property
    def errors(self):
        """The problems with which training would be wrong."""
        return tuple(each for each in self.problems if each.severity == ERROR)

    @property
    def warnings(self):
        """The other problems."""
        return tuple(each for each in self.problems if each.severity == WARNING)

    def lines(self):
        """Yields the report as lines of text."""
        for name, text in self.facts:
            yield f"{name:<14} {text}"
        if self.classes:
            splits = [*self.classes[0].shares]
            width = max(len("class"), *(len(row.name) for row in self.classes))
            yield ""
            heads = ["" if split == "." else split for split in splits]  # of the folder itself
            head = "".join(f"{name:>13} {'images':>7}" for name in heads)
            stored = self.classes[0].stored is not None
            yield f"{'class':<{width}}" + (f" {'stored':>8}" if stored else "") + head
            for row in self.classes:
                cells = "".join(
                    f"{row.shares[split]:>13.2%} {row.images[split]:>7}" for split in splits
                )
                yield f"{row.name:<{width}}" + (f" {row.stored:>8}" if stored else "") + cells
        if self.problems:
            yield ""
        for problem in self.problems:
            yield f"{problem.severity}: {problem.sentence}"


class Findings:
    """Gathers problems while a folder is looked through."""

    def __init__(self):
        self._problems = []

    def error(self, sentence, files=()):
        self._problems.append(Problem(ERROR, sentence, tuple(map(str, files))))

    def warning(self, sentence, files=()):
        self._problems.append(Problem(WARNING, sentence, tuple(map(str, files))))

    def sorted(self):
        """Returns the problems, the errors first."""
        return tuple(sorted(self._problems, key=lambda problem: problem.severity != ERROR))


@contextlib.contextmanager
def noted(findings):
    """Within it, warnings and a `ValueError` become problems."""
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        try:
            yield
        except ValueError as error:
            findings.error(str(error))
    for each in recorded:
        findings.warning(str(each.message))
