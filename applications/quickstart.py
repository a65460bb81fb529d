"""The quickstart as a program: multigrid against single grid on distorted handwriting.

    python applications/quickstart.py runs/quickstart

The same as `keras-multigrid train quickstart --output runs/quickstart`; a place to start from when
you want other networks, widths or data.
"""

import sys

from keras_multigrid.recipes import Quickstart
from keras_multigrid.runs import run

if len(sys.argv) != 2:
    sys.exit(f"usage: {sys.argv[0]} FOLDER    (a new folder for the results)")
run(Quickstart(model="PMG-11", baseline="SG-11", seed=0), sys.argv[1])
