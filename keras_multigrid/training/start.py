"""Where a run begins: after its last checkpoint."""

import dataclasses

from keras_multigrid.stored import DamagedFile, Stored, check_fields
from keras_multigrid.training.checkpoint import load_checkpoint

REMEDY = "move it away, or name another folder"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """Epoch and step at which a run begins, and what its last checkpoint holds."""

    epoch: int
    step: int
    stopped: bool
    callbacks: list | None
    setup: dict | None
    arrays: dict


BEGINNING = Start(epoch=0, step=0, stopped=False, callbacks=None, setup=None, arrays={})


def read_start(folder):
    """Returns the `Start` of a run; a checkpoint of another program is a `DamagedFile`."""
    found = load_checkpoint(folder)
    if found is None:
        return BEGINNING
    number, arrays, notes = found
    path = f"{folder}/checkpoint-{number:09}.npz"
    if not isinstance(notes, dict):
        raise DamagedFile(path, "resumable_fit has not written it", REMEDY)
    values = {**notes, "arrays": Stored(arrays, path, REMEDY)}
    check_fields(Start, values, path, REMEDY)
    setup = values["setup"] and Stored(values["setup"], path, REMEDY)
    return Start(**{**values, "setup": setup})
