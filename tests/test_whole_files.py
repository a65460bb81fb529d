"""A file is whole or not there, whatever happens while it is written."""

import json
import os
import pathlib

import pytest

from keras_multigrid import whole_files
from keras_multigrid.whole_files import unfinished_path, whole, write_json


def test_a_file_appears_only_when_all_of_it_is_on_the_disk(tmp_path, monkeypatch):
    path = tmp_path / "metrics.json"
    write_json(path, {"a": [1, None]})
    synced, true_replace = [], os.replace

    def replace(before, after):
        assert synced == [str(before)]
        assert json.loads(pathlib.Path(before).read_text()) == {"b": 2}
        assert json.loads(path.read_text()) == {"a": [1, None]}
        true_replace(before, after)

    def sync(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(whole_files.os, "fsync", sync)
    monkeypatch.setattr(whole_files.os, "replace", replace)
    write_json(path, {"b": 2})
    assert synced[1:] == [str(tmp_path)]
    assert json.loads(path.read_text()) == {"b": 2}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "notes.txt"
    path.write_text("before")
    with pytest.raises(error), whole(path) as unfinished:
        unfinished.write_text("half")
        raise error
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]
    assert path.read_text() == "before"


def test_what_is_not_right_is_not_kept(tmp_path):
    def verify(unfinished):
        assert unfinished.read_text() == "wrong"
        raise OSError("not right")

    with pytest.raises(OSError, match="not right"), whole(tmp_path / "a", verify) as unfinished:
        unfinished.write_text("wrong")
    assert not any(tmp_path.iterdir())


def test_a_folder_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "trial"
    unfinished_path(path).mkdir()  # of a process that was killed
    with whole(path) as unfinished:
        unfinished.mkdir(exist_ok=True)
        (unfinished / "a").write_text("1")
        assert not path.exists()
    assert (path / "a").read_text() == "1" and [*tmp_path.iterdir()] == [path]
    with pytest.raises(ValueError, match="half"), whole(tmp_path / "other") as unfinished:
        unfinished.mkdir()
        (unfinished / "a").write_text("1")
        raise ValueError("half")
    assert [*tmp_path.iterdir()] == [path]
