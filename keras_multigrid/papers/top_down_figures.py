"""Figures 4 and 6 of the top-down paper: sessions of training, each from an earlier one or anew."""

import dataclasses
from collections.abc import Callable

from keras_multigrid.applications.paper import BASELINE, paper_model
from keras_multigrid.figures import draw_accuracy_cost
from keras_multigrid.papers.tables import check_rows
from keras_multigrid.progress import say
from keras_multigrid.recipes import LocatedMnist, TopDownImageNet
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs import run
from keras_multigrid.runs.run_folder import RESULTS
from keras_multigrid.runs.trained import read_results
from keras_multigrid.whole_files import write_text

SET_BY_SESSIONS = ("model", "image_size", "target_locations", "level_weights", "start", "variant")


@dataclasses.dataclass(frozen=True)
class Session:
    """The training of a network at one size of images.

    Attributes:
        model: Name of the network.
        image_size: Side of the images.
        targets: c_t; of multi-level learning for 2, 3, ... levels; empty where there is no choice.
        after: The session whose network it starts from; None is from scratch.
        multi_level: Whether classification after each level is learned.
    """

    model: str
    image_size: int
    targets: tuple[float, ...] = ()
    after: "Session | None" = None
    multi_level: bool = False

    @property
    def name(self):
        """Name of the session and of its folder."""
        parts = [self.model, f"{self.image_size}px"]
        parts += ["locations_" + "_".join(f"{each:g}" for each in self.targets)] * bool(
            self.targets
        )
        parts += ["multi_level"] * self.multi_level + ["gradual"] * (self.after is not None)
        return "-".join(parts)

    def fields(self, folder):
        """Returns the fields of the recipe; `folder` is that of all sessions."""
        fields = {"model": self.model, "image_size": self.image_size}
        if self.targets:
            fields["target_locations"] = self.targets
        if self.multi_level:
            fields["level_weights"] = (1.0,) * (len(self.targets) + 1)
        if self.after:
            fields["start"] = str(folder / self.after.name)
        return fields


def mnist_sessions(model):
    """Returns the sessions of a network of Figure 4, each after the one it starts from."""
    first, second = Session(model, 14), Session(model, 28)
    if paper_model(model).kind == BASELINE:
        return [first, second, Session(model, 56), Session(model, 56, after=second)]
    second = Session(model, 28, (2.0,))
    third = [
        Session(model, 56, (target,), after) for target in (6.0, 12.0) for after in (None, second)
    ]
    return [first, second, *third]


TARGETS_128 = {
    "M2-ImageNet": (3.75, 7.0, 13.5, 24.75),
    "M1-ImageNet": (3.75, 8.0, 11.0, 13.5, 30.0),
}
TARGETS_256 = {"M2-ImageNet": (22.0, 29.0, 39.0), "M1-ImageNet": (30.0, 35.0, 40.0)}
MULTI_LEVEL = {"M2-ImageNet": (3.2, 13.5, 40.0), "M1-ImageNet": (2.9, 11.3, 35.6)}


def imagenet_sessions(model):
    """Returns the sessions of a network of Figure 6, each after the one it starts from.

    The paper does not say which network of the smaller size a session starts from: here it is the
    one that attends most.
    """
    if paper_model(model).kind == BASELINE:
        sessions = [Session(model, 32), Session(model, 64)]
        sessions.append(Session(model, 128, after=sessions[-1]))
        return [*sessions, Session(model, 256, after=sessions[-1])]
    at_64 = [Session(model, 64, (target,)) for target in (1.5, 4.5)]
    at_128 = [Session(model, 128, (target,), at_64[-1]) for target in TARGETS_128[model]]
    at_256 = [Session(model, 256, (target,), at_128[-1]) for target in TARGETS_256[model]]
    stages = []
    for depth in (1, 2, 3):
        after = stages[-1] if stages else None
        targets = MULTI_LEVEL[model][:depth]
        stages.append(Session(model, 32 * 2**depth, targets, after, multi_level=True))
    return [Session(model, 32), *at_64, *at_128, *at_256, *stages]


@dataclasses.dataclass(frozen=True)
class TopDownFigure:
    """A figure of accuracy against cost.

    Attributes:
        title: What it shows.
        recipe: The recipe class of its sessions.
        sessions: Function from a network to its sessions.
        panels: Mapping from the names of pictures to the rows in them: networks, each with, after
            a slash, the variant of the data where there are several.
    """

    title: str
    recipe: type
    sessions: Callable
    panels: dict[str, tuple[str, ...]]

    @property
    def rows(self):
        """All rows."""
        return [row for rows in self.panels.values() for row in rows]


TOP_DOWN_FIGURES = {
    "top-down-figure4": TopDownFigure(
        "Figure 4, digits anywhere on a canvas",
        LocatedMnist,
        mnist_sessions,
        {
            f"{variant}{number}": tuple(f"{kind}{number}-MNIST/{variant}" for kind in ("M", "BL"))
            for variant in ("plain", "textured", "noisy")
            for number in (3, 2, 1)
        },
    ),
    "top-down-figure6": TopDownFigure(
        "Figure 6, ImageNet",
        TopDownImageNet,
        imagenet_sessions,
        {
            f"imagenet{number}": tuple(f"{kind}{number}-ImageNet" for kind in ("M", "BL"))
            for number in (2, 1)
        },
    ),
}


def reproduce_top_down_figure(name, rows, scale, settings, output):
    """Trains the sessions of a figure; see `reproduce`."""
    figure = TOP_DOWN_FIGURES[name]
    check_rows(name, rows, figure.rows)
    for setting in settings:
        field = setting.partition("=")[0]
        if field in SET_BY_SESSIONS:
            raise ValueError(f"{name} sets {field} itself; expected other settings, or rows.")
    recipe = resolve(figure.recipe, scale, settings)
    for row in rows or figure.rows:
        model, _, variant = row.partition("/")
        sessions = figure.sessions(model)
        folder = output / row.replace("/", "-")
        for number, session in enumerate(sessions, 1):
            say(f"\n{name}, {row}, session {number} of {len(sessions)}: {session.name}")
            fields = session.fields(folder) | ({"variant": variant} if variant else {})
            run(dataclasses.replace(recipe, **fields), folder / session.name)
            text = _write(name, figure, output)
    return text


def _write(name, figure, output):
    """Writes the table and the pictures of all finished sessions; returns the table."""
    header = ("network", "data", "session", "accuracy", "locations", "multiply-adds", "epochs")
    lines = [f"# {figure.title}", "", f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for panel, rows in figure.panels.items():
        curves = {}
        for row in rows:
            model, _, variant = row.partition("/")
            finished = _finished(figure.sessions(model), output / row.replace("/", "-"))
            for session, results in finished:
                cells = (
                    model,
                    variant,
                    session.name.removeprefix(f"{model}-"),
                    f"{100 * results['accuracy']:.2f}",
                    f"{results['locations']:.2f}" if "locations" in results else "",
                    f"{results['macs']:,.0f}",
                    str(results["epochs"]),
                )
                lines.append(f"| {' | '.join(cells)} |")
            for session, results in _best(finished):
                points = _points(session, results)
                if session.multi_level:  # of its stages the last one is drawn
                    curves[f"{model} multi-level"] = points
                else:
                    curves.setdefault(model, []).extend(points)
        if curves:
            draw_accuracy_cost(output / f"{name}_{panel}.png", curves)
    text = "\n".join([*lines, ""])
    write_text(output / f"{name}.md", text)
    return text


def _finished(sessions, folder):
    """Returns pairs of the finished sessions and the values of their metrics."""
    finished = []
    for session in sessions:
        path = folder / session.name / RESULTS
        if path.exists():
            written = read_results(path)
            results = written["results"]
            results.setdefault("macs", written["macs"])  # a top-down network has those of its uses
            results["epochs"] = written["epochs"]
            finished.append((session, results))
    return finished


def _best(finished):
    """Returns the better one of sessions that differ in how they started, as the paper does."""
    best = {}
    for session, results in finished:
        setting = dataclasses.replace(session, after=None)
        if setting not in best or results["accuracy"] > best[setting][1]["accuracy"]:
            best[setting] = (session, results)
    return best.values()


def _points(session, results):
    """Returns the points of a session, those after 1, 2, ... levels if it learned them."""
    if not session.multi_level:
        locations = f", {results['locations']:.1f}" if "locations" in results else ""
        return [(results["macs"], results["accuracy"], f"{session.image_size} px{locations}")]
    suffixes = [*(f"_{levels}" for levels in range(1, len(session.targets) + 1)), ""]
    return [
        (results[f"macs{suffix}"], results[f"accuracy{suffix}"], f"{levels} of {len(suffixes)}")
        for levels, suffix in enumerate(suffixes, 1)
    ]
