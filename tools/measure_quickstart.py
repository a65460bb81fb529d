"""Measures the quickstart over several seeds, each in a process of its own.

python tools/measure_quickstart.py --seeds 0 1 2 --output results/quickstart.json
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time


def run(seed):
    """Returns the metrics of one run, and the wall time of its whole process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "keras_multigrid.cli", "train", "quickstart"]
        start = time.perf_counter()
        subprocess.run([*command, "--set", f"seed={seed}", "--output", folder], check=True)
        seconds = time.perf_counter() - start
        return json.loads(pathlib.Path(folder, "metrics.json").read_text()), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=pathlib.Path, required=True, help="JSON file to write")
    options = parser.parse_args()

    runs = []
    for seed in options.seeds:
        metrics, seconds = run(seed)
        results = metrics["results"] | {"training_seconds": metrics["training_seconds"]}
        runs.append({"seed": seed, "wall_seconds": round(seconds), "results": results})
        report = {"recipe": metrics["fields"], "versions": metrics["versions"], "runs": runs}
        options.output.write_text(json.dumps(report, indent=2) + "\n")
    for name in sorted(runs[0]["results"]):
        values = [one["results"][name] for one in runs]
        print(
            f"{name:<24} median {statistics.median(values):.3f}, "
            f"from {min(values):.3f} to {max(values):.3f}"
        )


if __name__ == "__main__":
    main()
