"""Searches without trainings: what is proposed, recorded, ranked and refused."""

import dataclasses
import json
import math

import pytest

from keras_multigrid.cli import main
from keras_multigrid.recipes import RECIPES, MnistSegmentation
from keras_multigrid.runs.run_folder import read_recipe_file
from keras_multigrid.tuning import Budget, SearchSpace, hypermodel, tune, tuner
from keras_multigrid.tuning.trial import Result
from keras_multigrid.tuning.trial import run_trial as real_run_trial

RECIPE = MnistSegmentation(**MnistSegmentation.SCALES["smoke"], seed=3)
SPACE = SearchSpace(ratios=(0.25, 0.5, 1), grids=(2, 3))  # 3 + 9 combinations
WIDE = SearchSpace(ratios=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1))  # 1,000


class Interrupted(BaseException):
    """Stands in for a kill."""


class Trials:
    """Stands in for trainings; wide coarse grids score best."""

    def __init__(self, failures=(), interrupt_at=None):
        self.failures, self.interrupt_at = failures, interrupt_at
        self.run = []

    def __call__(self, recipe, candidate, folder, epochs, objective, before):
        if len(self.run) == self.interrupt_at:
            raise Interrupted
        self.run.append((folder.name, candidate.channel_ratios, epochs, before and before.name))

        def train(*_):
            failure = dict(self.failures).get(folder.name)
            if isinstance(failure, Exception):
                raise failure
            score = sum(candidate.channel_ratios) / 10 if failure is None else failure
            return {"iou": score, "loss": 1.0}, 1.0

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("keras_multigrid.tuning.trial._train", train)
            patch.setattr("gc.collect", lambda: None)  # there is nothing, and it takes long
            return real_run_trial(recipe, candidate, folder, epochs, objective, before)


def stand_in_for_counts(count):
    """Returns a function that counts the network's own ratios only, of which others differ."""

    def count_ratios(constructor, channel_ratios=None, **arguments):
        own = count(constructor, **arguments)
        return dataclasses.replace(own, macs=round(1e6 * sum(channel_ratios or (1,))))

    return count_ratios


@pytest.fixture
def search(monkeypatch, tmp_path):
    """A function that searches in a folder, and returns the stand-in and the results."""
    monkeypatch.setattr(MnistSegmentation, "load", lambda *_, **__: [None])
    count = hypermodel.count

    def run(folder="search", failures=(), interrupt_at=None, **options):
        trials = Trials(failures, interrupt_at)
        monkeypatch.setattr(tuner, "run_trial", trials)
        monkeypatch.setattr(tuner.CandidateTuner, "pre_create_trial", lambda self: None)
        options = {"space": SPACE, "tuner": "random", "trials": 6, **options}
        counts = count if "budget" in options else stand_in_for_counts(count)
        monkeypatch.setattr(hypermodel, "count", counts)
        try:
            results = tune(RECIPE, tmp_path / folder, **options)
        except Interrupted:
            results = None
        return trials.run, results

    return run


@pytest.mark.parametrize("name", ["random", "bayesian", "grid", "hyperband"])
def test_the_first_trial_is_the_networks_own_and_none_is_run_twice(name, search):
    run, results = search(tuner=name, trials=20)
    assert run[0][1] == (1, 0.5, 0.25)  # of PMG-11's four grids the nearest
    candidates = [(ratios, epochs) for _, ratios, epochs, _ in run]
    assert len({*candidates}) == len(candidates) == len(results)
    assert len(candidates) == 12  # all combinations, of which there are no more
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True) and results[0].settings["channel_ratios"] == (
        1,
        1,
        1,
    )


def test_bayesian_optimization_finds_the_best_sooner_than_all(search):
    run, results = search(tuner="bayesian", space=WIDE, trials=25)
    assert len(run) == 25 and results[0].score > 0.33


def test_hyperband_goes_on_with_the_best(search, monkeypatch):
    monkeypatch.setattr("tests.tuning.test_search.RECIPE", _with(epochs=9))
    run, _ = search(tuner="hyperband", space=WIDE, trials=13)
    assert {epochs for _, _, epochs, _ in run} == {1, 3, 9}
    by_number = {number: ratios for number, ratios, _, _ in run}
    continued = [(ratios, before) for _, ratios, _, before in run if before]
    assert continued and all(by_number[before] == ratios for ratios, before in continued)
    first = sorted((sum(ratios) for _, ratios, epochs, _ in run if epochs == 1), reverse=True)
    second = sorted((sum(ratios) for _, ratios, epochs, _ in run if epochs == 3), reverse=True)
    assert second == first[: len(second)]


@pytest.mark.parametrize("name", ["random", "bayesian", "grid", "hyperband"])
@pytest.mark.parametrize(
    "moment", [4, *(pytest.param(moment, marks=pytest.mark.slow) for moment in (0, 1))]
)
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(name, moment, search):
    whole, _ = search("whole", tuner=name)
    before, nothing = search(tuner=name, interrupt_at=moment)
    assert nothing is None and len(before) == moment
    after, results = search(tuner=name)
    assert before + after == whole and len(results) == 6
    again, results = search(tuner=name)
    assert again == [] and len(results) == 6


@pytest.mark.parametrize("name", ["random", "bayesian", "grid", "hyperband"])
def test_a_finished_search_takes_more_trials(name, search):
    first, _ = search(tuner=name, trials=3)
    more, results = search(tuner=name, trials=5)
    assert len(first) == 3 and len(more) == 2 and len(results) == 5


def test_failures_are_recorded_and_the_search_goes_on(search, tmp_path, capsys):
    failures = [
        ("0", ValueError("a bad\nvalue")),
        ("1", MemoryError("no memory")),
        ("2", math.nan),
        ("3", math.inf),
    ]
    run, results = search(failures=failures, tuner="bayesian")
    assert len(run) == 6
    assert [result.failure for result in results[2:]] == [
        "ValueError: a bad value",
        "MemoryError: no memory",
        "FloatingPointError: iou is nan",
        "FloatingPointError: iou is inf",
    ]
    assert "trial 0 failed: ValueError: a bad value" in capsys.readouterr().out
    assert "Trial 2 failed (channel ratios 1" in (tmp_path / "search" / "ranking.md").read_text()
    again, _ = search(failures=failures, tuner="bayesian")
    assert again == []


def test_when_all_fail_the_status_is_1(search, capsys, monkeypatch):
    _, results = search(failures=[(str(number), ValueError("no")) for number in range(6)])
    assert [result.score for result in results] == [None] * 6
    monkeypatch.setattr("keras_multigrid.tuning.tune", lambda *_: results)
    assert main(["tune", "mnist_segmentation"]) == 1
    assert "every trial failed" in capsys.readouterr().err


@pytest.mark.parametrize("epochs", [10, 200])
def test_hyperband_fits_into_the_trials(epochs, search, monkeypatch):
    monkeypatch.setattr("tests.tuning.test_search.RECIPE", _with(epochs=epochs))
    run, _ = search(tuner="hyperband", space=WIDE, trials=20)
    lengths = [trained for _, _, trained, _ in run]
    assert len(run) == 20 and max(lengths) == epochs
    assert min(lengths) < epochs / 2 and sum(before is not None for _, _, _, before in run) >= 3


@pytest.mark.parametrize("name", ["random", "bayesian", "grid", "hyperband"])
def test_a_space_of_one_candidate(name, search, monkeypatch):
    monkeypatch.setattr("tests.tuning.test_search.RECIPE", _with(epochs=9))
    run, results = search(tuner=name, space=SearchSpace(ratios=(0.5,), grids=(2,)), trials=13)
    assert {ratios for _, ratios, _, _ in run} == {(1, 0.5)}
    expected = [1, 9] if name == "hyperband" else [9]
    assert [epochs for _, _, epochs, _ in run] == expected
    assert len(results) == len(expected) and results[0].epochs == 9


def test_what_is_found_is_written(search, tmp_path):
    budget = Budget(max_macs=8_000_000)
    space = SearchSpace(ratios=(0.5, 1), grids=(2,), learning_rates=(0.003,), repeats=(2,))
    _, results = search(budget=budget, space=space)
    folder = tmp_path / "search"
    best = read_recipe_file(folder / "best.json", RECIPES)
    assert (
        best.channel_ratios == pytest.approx((1, 1), rel=0.25)
        and best.learning_rate == 0.003
        and best.repeats == 2
    )
    assert best.width_multiplier == results[0].settings["width_multiplier"]
    assert best.seed == 3 and best.fresh
    assert all(6_000_000 < result.macs <= 8_000_000 for result in results)
    assert (folder / "pareto.png").read_bytes().startswith(b"\x89PNG")
    header, _, first, second = (folder / "ranking.md").read_text().splitlines()[2:6]
    assert header.startswith(
        "|  | iou | channel ratios | width multiplier | repeats | learning rate"
    )
    assert first.startswith("| 1 | 0.2") and second.startswith("| 2 | 0.1")
    # What `train` makes of it.
    arguments = ["train", str(folder / "best.json"), "--set", "epochs=0"]
    assert main(arguments) == 2  # read, and changed


def test_a_search_made_when_repeats_were_called_depth(search, tmp_path):
    path = tmp_path / "search" / "search.json"
    run, _ = search(trials=2)
    assert len(run) == 2
    asked = json.loads(path.read_text())
    asked["recipe"]["depth"] = asked["recipe"].pop("repeats")
    asked["space"]["depths"] = asked["space"].pop("repeats")
    path.write_text(json.dumps(asked))
    result = path.parent / "trials" / "0" / "result.json"
    written = json.loads(result.read_text())
    written["settings"]["depth"] = 3
    result.write_text(json.dumps(written))
    run, results = search(trials=3)
    assert len(run) == 1 and len(results) == 3
    assert [each.settings.get("repeats") for each in results if each.trial == "0"] == [3]
    asked["space"]["depths"] = [2, 3]
    path.write_text(json.dumps(asked))
    with pytest.raises(ValueError, match="searches depths, which are called repeats now; name an"):
        search(trials=4)


def test_pareto_front():
    from keras_multigrid.tuning.report import pareto_front

    points = [(3, 0.5), (1, 0.2), (2, 0.1), (3, 0.6), (4, 0.6)]
    results = [
        Result(trial="0", settings={}, trainable_params=1, macs=macs, epochs=1, score=score)
        for macs, score in points
    ]
    assert [(r.macs, r.score) for r in pareto_front(results, "max")] == [(1, 0.2), (3, 0.6)]
    assert [(r.macs, r.score) for r in pareto_front(results, "min")] == [(1, 0.2), (2, 0.1)]


def test_another_search_in_the_same_folder_is_refused(search, tmp_path):
    search()
    with pytest.raises(ValueError, match=r"space.grids was \[2, 3\], is None.*tuner was random"):
        search(space=SearchSpace(ratios=(0.25, 0.5, 1)), tuner="grid")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("precious")
    with pytest.raises(ValueError, match=r"not empty \(it has mine.txt\) and not of a search"):
        search("other")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["mnist_segmentatoin"],
            "no recipe 'mnist_segmentatoin'; did you mean 'mnist_segmentation",
        ),
        (["nowhere.json"], "No such file or directory: 'nowhere.json'"),
        (
            ["quickstart", "--objective", "val_iou"],
            "no objective 'val_iou'; expected one of loss, ",
        ),
        (["quickstart", "--tuner", "evolution"], "no tuner 'evolution'; expected one of hyperband"),
        (["quickstart", "--trials", "0"], "trials is 0; expected a positive integer."),
        (["quickstart", "--workers", "0"], "workers is 0; expected a positive integer."),
        (["quickstart", "--ratios", "1,x"], "--ratios is '1,x'; expected numbers with commas"),
        (
            ["quickstart", "--max-params", "10"],
            "over the budget of 10 parameters; raise the budget",
        ),
        (["quickstart", "--max-params", "1e6", "--widths", "1"], "leave widths out"),
        (["quickstart", "--max-params", "nan"], "--max-params is nan; expected a positive number"),
        (["quickstart", "--max-macs", "1e400"], "--max-macs is inf; expected a positive number"),
        (["mnist_segmentation", "--grids", "2,99"], "has 99 entries; expected 1 to 8"),
    ],
)
def test_misuse_is_one_line(arguments, message, capsys, tmp_path):
    status = main(["tune", *arguments, "--output", str(tmp_path / "search")])
    (error,) = capsys.readouterr().err.splitlines()
    assert message in error and status == (1 if "nowhere" in message else 2)


def test_a_role_needs_an_address(monkeypatch, tmp_path):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker3")
    with pytest.raises(ValueError, match="'worker3', but KERASTUNER_ORACLE_IP is not set"):
        tune(RECIPE, tmp_path / "search")


def test_a_role_has_no_workers(monkeypatch, tmp_path):
    for name, value in zip(("TUNER_ID", "ORACLE_IP", "ORACLE_PORT"), ("chief", "127.0.0.1", "1")):
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    with pytest.raises(ValueError, match="workers is 2, but this process is 'chief'"):
        tune(RECIPE, tmp_path / "search", workers=2)


def test_only_recipes_of_the_package_are_known_to_other_processes(tmp_path):
    class Own(MnistSegmentation):
        pass

    with pytest.raises(ValueError, match="Own is not a recipe of this package; give workers=1"):
        tune(Own(), tmp_path / "search", workers=2)


def test_data_that_are_missing_are_an_error_before_all_the_work(capsys, tmp_path):
    folder = str(tmp_path / "empty")
    settings = ["--set", f"data_dir={folder}", "--set", "data=image_folder"]
    assert main(["tune", "imagenet", *settings, "--output", str(tmp_path / "search")]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "empty/train is not a directory" in error


def test_files_that_are_not_what_they_should_be_are_named(capsys, tmp_path):
    broken = tmp_path / "broken.json"
    for content, message in (
        (b"\xff", " is damaged: it is cut, or not JSON; restore it from a copy, or train in"),
        (b"{}", " is damaged: it has no 'recipe'"),
        (b'{"recipe": "mnist_segmentation", "fields": {"epochs": 0}}', ": epochs is 0; expected a"),
        (
            b'{"recipe": "mnist_segmentation", "fields": {"epoch": 1}}',
            " is damaged: it has an unknown entry 'epoch'",
        ),
        (b'{"recipe": "other", "fields": {}}', " is damaged: it is of an unknown recipe 'other'"),
    ):
        broken.write_bytes(content)
        assert main(["train", str(broken)]) == 2
        (error,) = capsys.readouterr().err.splitlines()
        assert str(broken) in error and message in error
    assert main(["tune", "quickstart", "--output", str(broken)]) == 1
    assert f"{broken} cannot be a folder, for a file is there" in capsys.readouterr().err


def _with(**fields):
    return dataclasses.replace(RECIPE, **fields)
