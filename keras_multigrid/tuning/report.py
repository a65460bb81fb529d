"""What a search found: the ranking, the picture, and the recipe file of the best."""

from keras_multigrid.figures import draw_pareto
from keras_multigrid.runs.run_folder import write_recipe
from keras_multigrid.tuning.trial import RESULT, read_result
from keras_multigrid.whole_files import write_text

BEST, RANKING, PARETO = "best.json", "ranking.md", "pareto.png"


def read_results(trials_folder, direction):
    """Returns the `Result` of each finished trial, the best first and the failed ones last."""
    results = [read_result(path) for path in trials_folder.glob(f"*/{RESULT}")]
    sign = -1 if direction == "max" else 1

    def rank(result):
        failed = result.score is None
        score = 0 if failed else sign * result.score
        return failed, score, -(result.epochs or 0), result.trial

    return sorted(results, key=rank)


def write_report(folder, search, results):
    """Writes what a `Search` found into its folder, and prints it; the best result is the first."""
    ranking = _ranking(search, results)
    print(f"\n{ranking}")
    text = [f"# {search.recipe.model} on {search.recipe.NAME}", "", ranking]
    scored = [result for result in results if result.score is not None]
    if scored:
        best = search.recipe_of(scored[0].settings)
        write_recipe(folder / BEST, best)
        try:
            _draw(folder / PARETO, scored, search.objective, search.direction)
            text += ["", f"![{search.objective} against multiply-adds]({PARETO})"]
        except ImportError:
            print("There is no picture: pip install 'keras_multigrid[plot]' for it.")
        print(f"\nTrain the best: keras-multigrid train {folder / BEST}")
    write_text(folder / RANKING, "\n".join([*text, ""]))


def _draw(path, results, objective, direction):
    """Draws the Pareto front of the longest trainings; Hyperband's shorter ones are no match."""
    longest = max(result.epochs for result in results)
    whole = [result for result in results if result.epochs == longest]
    groups = {
        "shorter trainings": [result for result in results if result.epochs < longest],
        "trials": whole,
        "the first trial": [result for result in results if int(result.trial) == 0],
    }
    front = [
        (r.macs, r.score, _value(r.settings.get("channel_ratios")) or f"trial {r.trial}")
        for r in pareto_front(whole, direction)
    ]
    trials = {label: [(r.macs, r.score) for r in group] for label, group in groups.items()}
    draw_pareto(path, trials, front, f"validation {objective}")


def pareto_front(results, direction):
    """Returns the results that no other betters in score at as many multiply-adds or fewer."""
    sign = -1 if direction == "max" else 1
    front = []
    for result in sorted(results, key=lambda result: (result.macs, sign * result.score)):
        if not front or sign * result.score < sign * front[-1].score:
            front.append(result)
    return front


def describe(candidate):
    """Returns the settings and the size of a `Candidate` as a text."""
    count = candidate.count
    sizes = f"{count.trainable_params:,} parameters, {count.macs:,} multiply-adds"
    return "; ".join([*_texts(candidate.settings()), sizes])


def _ranking(search, results):
    """Returns a Markdown table, and below it why trials failed."""
    scored = [result for result in results if result.score is not None]
    names = [*dict.fromkeys(name for result in scored for name in result.settings)]
    header = ["", search.objective, *[name.replace("_", " ") for name in names]]
    header += ["parameters", "multiply-adds", "epochs", "seconds", "trial"]
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for place, result in enumerate(scored, 1):
        values = [_value(result.settings.get(name)) for name in names]
        cells = [str(place), f"{result.score:.4f}", *values, f"{result.trainable_params:,}"]
        cells += [f"{result.macs:,}", str(result.epochs), f"{result.seconds:.0f}", result.trial]
        lines.append("| " + " | ".join(cells) + " |")
    for result in results:
        if result.failure is not None:
            settings = "; ".join(_texts(result.settings))
            lines += ["", f"Trial {result.trial} failed ({settings}): {result.failure}"]
    return "\n".join(lines)


def _texts(settings):
    return [f"{name.replace('_', ' ')} {_value(value)}" for name, value in settings.items()]


def _value(value):
    if isinstance(value, tuple):
        return ", ".join(f"{ratio:g}" for ratio in value)
    return "" if value is None else f"{value:g}"
