"""Checkpoints are whole or not there, and tell when they are damaged."""

import contextlib
import gc
import os
import resource

import ml_dtypes
import numpy as np
import pytest

from keras_multigrid import whole_files
from keras_multigrid.training import load_checkpoint, save_checkpoint

ARRAYS = {
    "model/0": np.arange(6, dtype="float32").reshape(2, 3),
    "half": np.array([1.5, -2.0], ml_dtypes.bfloat16),
    "number": np.array(3),
    "file": np.array([True]),  # names that NumPy's own function has arguments of
    "notes": np.zeros((0, 2)),
}
NOTES = {"epoch": 1, "of": [None, "ä", float("inf")]}


def save(folder, number):
    return save_checkpoint(folder, number, {"weights": np.full(5, number)}, {"number": number})


def number_of(loaded):
    number, arrays, notes = loaded
    np.testing.assert_array_equal(arrays["weights"], np.full(5, number))
    assert notes == {"number": number}
    return number


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_is_all(loaded):
    number, arrays, notes = loaded
    assert (number, notes) == (7, NOTES)
    assert arrays.keys() == ARRAYS.keys()
    for name, array in arrays.items():
        assert array.dtype == ARRAYS[name].dtype, name
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)


def test_what_was_saved_is_loaded(tmp_path):
    path = save_checkpoint(tmp_path / "new" / "folder", 7, ARRAYS, NOTES)
    assert path.parent == tmp_path / "new" / "folder"
    assert_is_all(load_checkpoint(path.parent))


def test_the_last_two_are_kept(tmp_path):
    assert load_checkpoint(tmp_path) is None
    for number in (1, 2, 10, 300):
        save(tmp_path, number)
        assert number_of(load_checkpoint(tmp_path)) == number
    assert names(tmp_path) == ["checkpoint-000000010.npz", "checkpoint-000000300.npz"]


def truncate(content):
    return content[: len(content) // 2]


def lose_the_end(content):
    return content[:-1]


def empty(content):
    return b""


def flip_a_bit(content):
    place = content.index(np.full(5, 20).tobytes())
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


def have_other_things(content):
    return b"no archive at all" * 50


@pytest.mark.parametrize("damage", [truncate, lose_the_end, empty, flip_a_bit, have_other_things])
def test_of_a_damaged_one_the_one_before_is_used(damage, tmp_path, capsys):
    save(tmp_path, 10)
    path = save(tmp_path, 20)
    path.write_bytes(damage(path.read_bytes()))
    assert number_of(load_checkpoint(tmp_path)) == 10
    said = capsys.readouterr().err
    assert str(path) in said and "is damaged (" in said and said.count("\n") == 1
    # Training goes on, with two to fall back on, from before the damaged one.
    for number in (12, 15):
        save(tmp_path, number)
    assert number_of(load_checkpoint(tmp_path)) == 15
    (tmp_path / "checkpoint-000000015.npz").write_bytes(b"")
    assert number_of(load_checkpoint(tmp_path)) == 12


def test_if_all_are_damaged_there_is_none_and_new_ones_last(tmp_path, capsys):
    for number in (10, 20):
        save(tmp_path, number).write_bytes(b"")
    assert load_checkpoint(tmp_path) is None
    assert capsys.readouterr().err.count("is damaged") == 2
    save(tmp_path, 1)
    assert number_of(load_checkpoint(tmp_path)) == 1


def test_an_archive_of_something_else_is_told(tmp_path, capsys):
    save(tmp_path, 1)
    np.savez(tmp_path / "checkpoint-000000002.npz", weights=np.ones(2))
    assert number_of(load_checkpoint(tmp_path)) == 1
    assert "no notes in it" in capsys.readouterr().err


def assert_flips_are_told(folder, places):
    path = save_checkpoint(folder, 7, ARRAYS, NOTES)
    content = path.read_bytes()
    for place in places(len(content) * 8):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        loaded = load_checkpoint(folder)
        if loaded is not None:  # what dates and permissions an archive has does not matter
            assert_is_all(loaded)


def test_no_flipped_bit_changes_what_is_loaded(tmp_path):
    assert_flips_are_told(tmp_path, lambda bits: range(0, bits, 37))


@pytest.mark.slow
def test_no_flipped_bit_at_all_changes_what_is_loaded(tmp_path):
    assert_flips_are_told(tmp_path, range)


def test_leftovers_of_an_interrupted_write_do_no_harm_and_go(tmp_path):
    save(tmp_path, 1)
    for number in (2, 3):
        (tmp_path / f"unfinished.checkpoint-{number:09}.npz").write_bytes(b"PK half of it")
    assert number_of(load_checkpoint(tmp_path)) == 1
    save(tmp_path, 3)
    assert names(tmp_path) == ["checkpoint-000000001.npz", "checkpoint-000000003.npz"]


def test_what_reads_back_damaged_is_not_kept(tmp_path, monkeypatch):
    save(tmp_path, 1)
    true = os.fsync

    def damaging(descriptor):
        true(descriptor)
        for path in tmp_path.glob("unfinished.*"):  # as a bad disk would
            path.write_bytes(flip_a_bit(path.read_bytes()))

    monkeypatch.setattr(whole_files.os, "fsync", damaging)
    with pytest.raises(OSError, match="reads back damaged"):
        save(tmp_path, 20)
    assert names(tmp_path) == ["checkpoint-000000001.npz"]


def test_a_checkpoint_appears_only_when_all_of_it_is_on_the_disk(tmp_path, monkeypatch):
    synced = []
    true_sync, true_replace = os.fsync, os.replace

    def sync(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        true_sync(descriptor)

    def replace(before, after):
        assert synced == [str(before)]
        true_replace(before, after)

    monkeypatch.setattr(whole_files.os, "fsync", sync)
    monkeypatch.setattr(whole_files.os, "replace", replace)
    save(tmp_path, 1)
    assert synced[1:] == [str(tmp_path)]


@contextlib.contextmanager
def no_file_longer_than(length):
    """Makes the system refuse to write more: a true failure that needs no rights and no mount."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 50, 3000, 800_500])
def test_a_disk_that_is_full_is_said_in_one_line_and_loses_nothing(room, tmp_path, capfd):
    save(tmp_path, 1)
    with no_file_longer_than(room), pytest.raises(OSError) as caught:
        save_checkpoint(tmp_path, 2, {"weights": np.zeros(10**5), "more": np.zeros(9)}, {})
    gc.collect()  # else what an archive says when it is let go of would come later
    message = str(caught.value)
    assert "\n" not in message
    assert "checkpoint-000000002.npz cannot be written: File too large" in message
    assert "is kept (checkpoint-000000001.npz)" in message
    assert capfd.readouterr() == ("", "")
    assert names(tmp_path) == ["checkpoint-000000001.npz"]
    assert number_of(load_checkpoint(tmp_path)) == 1
    save(tmp_path, 2)
    assert number_of(load_checkpoint(tmp_path)) == 2


def test_a_folder_that_cannot_be_is_said_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot be written: Not a directory.*\(none yet\)"):
        save(tmp_path / "file" / "folder", 1)
