"""The table and the picture of a comparison."""

import statistics

from keras_multigrid.comparison.fields import read_fields
from keras_multigrid.comparison.results import read_trainings
from keras_multigrid.comparison.times import read_times
from keras_multigrid.figures import draw_comparison
from keras_multigrid.whole_files import write_json, write_text

TABLE, ROWS, PICTURE = "comparison.md", "comparison.json", "comparison.png"
COSTS = {  # from what a row has to the label of an axis, and the factor to its unit
    "macs": ("multiply-adds of a training crop (M)", 1e-6),
    "step_seconds": ("a training step (s)", 1),
    "latency_seconds": ("an image, exported (ms)", 1e3),
}
SHOWN = (  # of a network's recipe
    "stem_strides",
    "channel_ratios",
    "width_multiplier",
    "repeats",
    "exchange_size",
    "exchange",
)


def write_comparison(output, show=False):
    """Writes table and picture of all that was trained so far in a folder; returns the rows."""
    rows = _rows(output)
    write_json(output / ROWS, {"networks": rows})
    text = _markdown(rows)
    write_text(output / TABLE, text)
    if show:
        print(f"\n{text}")
    panels = {
        label: {row["network"]: (row[cost] * factor, row["mean_ious"]) for row in rows}
        for cost, (label, factor) in COSTS.items()
        if rows and all(row[cost] for row in rows)
    }
    if panels:
        try:
            draw_comparison(output / PICTURE, panels)
        except ImportError:
            print("There is no picture: pip install 'keras_multigrid[plot]' for it.")
    return rows


def _rows(output):
    """Returns a dictionary for each network, the best first."""
    times, rows = read_times(output), []
    for label, trainings in read_trainings(output).items():
        first, *_ = trainings.values()
        field = read_fields(output / label)
        scores = [each["mean_iou"] for each in trainings.values()]
        validation = [each["val_mean_iou"] for each in trainings.values()]
        rows.append(
            {
                "network": label,
                "model": first["fields"]["model"],
                "seeds": [*trainings],
                "mean_iou": statistics.mean(scores),
                "deviation": statistics.stdev(scores) if scores[1:] else None,
                "mean_ious": scores,
                "val_mean_ious": validation,
                "trainable_params": first["trainable_params"],
                "macs": first["macs"],
                "steps": first["epochs"] * first["fields"]["steps_per_epoch"],
                "training_seconds": [each["training_seconds"] for each in trainings.values()],
                **{
                    f"{kind}_{of}": times.get(label, {}).get(f"{kind}_{of}")
                    for kind in ("step", "latency")
                    for of in ("seconds", "cpu_seconds")
                },
                "receptive_field": field.get("theoretical"),
                "effective_field": field.get("effective"),
                "settings": {name: first["fields"][name] for name in SHOWN},
            }
        )
    return sorted(rows, key=lambda row: -row["mean_iou"])


def _markdown(rows):
    header = (
        *("network", "mean IoU", "validation", "seeds", "parameters", "multiply-adds"),
        *("s a step", "CPU s a step", "ms an image, exported", "sees, px", "effectively"),
    )
    lines = [f"| {' | '.join(header)} |", "|---" + "|---:" * (len(header) - 1) + "|"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
    return "\n".join([*lines, ""])


def _cells(row):
    spread = "" if row["deviation"] is None else f" ± {row['deviation']:.3f}"
    validation = [value for value in row["val_mean_ious"] if value is not None]
    field = row["receptive_field"]
    if row["effective_field"] is not None:
        field = "all" if field is None else f"{field:.0f}"
    return (
        row["network"],
        f"{row['mean_iou']:.3f}{spread}",
        f"{statistics.mean(validation):.3f}" if validation else "",
        str(len(row["seeds"])),
        f"{row['trainable_params']:,}",
        f"{row['macs'] / 1e6:,.0f} M",
        _number(row["step_seconds"], ".3f"),
        _number(row["step_cpu_seconds"], ".3f"),
        _number(row["latency_seconds"], ".1f", 1e3),
        field or "",
        _number(row["effective_field"], ".0f"),
    )


def _number(value, form, factor=1):
    return "" if value is None else f"{factor * value:{form}}"
