"""Several models, versions that come and go, and their labels."""

import contextlib
import json
import shutil
import threading
import time

import numpy as np
import pytest

from keras_multigrid.cli import main
from keras_multigrid.server.config import ModelConfig, read_configs
from tests.server.running import COLOR, Running, serving

CONFIG = """
model_config_list {
  config {
    name: "first"
    base_path: "%s"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 1 versions: 2 } }
    version_labels { key: "stable" value: 1 }
    version_labels { key: "canary" value: 2 }
  }
  config { name: "second" base_path: "dense" }
}
"""


@pytest.fixture
def config(models, tmp_path):
    """A file of TensorFlow Serving's form (g3doc/serving_config.md), beside one of its models."""
    shutil.copytree(models / "dense", tmp_path / "dense")
    path = tmp_path / "models.config"
    path.write_text(CONFIG % (models / "digits"))
    return path


def test_files_of_models(config, models):
    first, second = read_configs(config)
    assert first == ModelConfig(
        "first", models / "digits", versions=(1, 2), labels={"stable": 1, "canary": 2}
    )
    assert sorted(first.folders()) == [1, 2]
    assert second == ModelConfig("second", config.parent / "dense")


@pytest.mark.parametrize(
    "policy, served",
    [
        ("", [12]),
        ("model_version_policy { latest { num_versions: 2 } }", [7, 12]),
        ("model_version_policy { all {} }", [3, 7, 12]),
        ("model_version_policy { specific { versions: 7 versions: 8 } }", [7]),
    ],
)
def test_which_versions_are_served(policy, served, tmp_path):
    for number in ("3", "7", "12", "text", "20"):
        (tmp_path / "m" / number).mkdir(parents=True)
        if number != "20":  # still being written
            (tmp_path / "m" / number / "saved_model.pb").touch()
    path = tmp_path / "models.config"
    path.write_text(f'model_config_list {{ config {{ name: "m" base_path: "m" {policy} }} }}')
    (config,) = read_configs(path)
    assert sorted(config.folders()) == served


@pytest.mark.parametrize(
    "text, message",
    [
        ("model_config_list { config { name: 3 } }", "is not a model server's configuration"),
        ("", "has no model"),
        ('model_config_list { config { name: "a" } }', "without name or base_path"),
        ("model_config_list {" + 'config { name: "a" base_path: "b" }' * 2 + "}", "more than once"),
        ('model_config_list { config { name: "a" base_path: "b" } }', "has no version, such as"),
    ],
)
def test_wrong_files_are_one_line_and_status_2(text, message, tmp_path, capsys):
    path = tmp_path / "models.config"
    path.write_text(text)
    assert main(["serve", "--models-config", str(path)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert message in error


@pytest.mark.parametrize("arguments", [[], ["a", "--models-config", "b"], ["--models-config", "b"]])
def test_models_are_named_in_one_way(arguments, capsys):
    assert main(["serve", *arguments]) == 2
    assert "--models-config" in capsys.readouterr().err


def test_folders_of_models(models):
    assert [config.name for config in read_configs(models)] == ["counter", "dense", "digits"]
    assert [config.name for config in read_configs(models / "dense")] == ["dense"]


def test_several_models_and_labels(config):
    with contextlib.closing(Running(config)) as server:
        server.name = "first"
        body = {"instances": COLOR.tolist()}
        expected = server.predict(body)
        for path in ("/labels/stable", "/versions/1", "/labels/canary", "/versions/2"):
            assert server.predict(body, f"{path}:predict") == expected
            assert server.get(f"/v1/models/first{path}/metadata")[0] == 200
        numbers = [each["version"] for each in status(server)]
        assert numbers == ["2", "1"]  # the newest first, as its monitor has them
        assert [each["version"] for each in status(server, "first/labels/stable")] == ["1"]
        error = server.predict(body, "/labels/other:predict", status=400)["error"]
        assert error.startswith("Unrecognized servable version label: other")
        assert [each["version"] for each in status(server, "second")] == ["1"]
        server.name = "second"
        assert server.predict({"instances": np.zeros((1, 8, 8, 1), int).tolist()})["predictions"]


def status(server, path=None):
    answer = json.loads(server.get(f"/v1/models/{path or server.name}")[1])
    return answer["model_version_status"]


def states(server):
    return {int(each["version"]): each["state"] for each in status(server)}


def until(server, expected):
    end = time.monotonic() + 60
    while states(server) != expected:
        assert time.monotonic() < end, (status(server), expected)
        time.sleep(0.05)


@pytest.fixture
def polled(models, tmp_path):
    """A server of a folder that it looks at often, and the folder."""
    folder = tmp_path / "counter"
    shutil.copytree(models / "counter" / "1", folder / "1")
    with serving(folder, "--poll-seconds", "0.1") as server:
        yield server, folder


def test_a_newer_version_takes_over_and_no_request_fails(polled):
    server, folder = polled
    image, outcomes, ended = np.ones((4, 4, 1)).tolist(), [], threading.Event()

    def client():
        while not ended.is_set():
            outcomes.append(server.request("POST", "/v1/models/counter:predict", body)[0])

    body = json.dumps({"instances": [image]}).encode()
    clients = [threading.Thread(target=client) for _ in range(8)]
    for thread in clients:
        thread.start()
    for number in (2, 3):
        shutil.copytree(folder / "1", folder / str(number))
        until(server, {number: "AVAILABLE"} | {older: "END" for older in range(1, number)})
    ended.set()
    for thread in clients:
        thread.join()
    assert len(outcomes) > 20 and set(outcomes) == {200}
    metadata = json.loads(server.get("/v1/models/counter/metadata")[1])
    assert metadata["model_spec"]["version"] == "3"
    assert server.request("POST", "/v1/models/counter/versions/1:predict", body)[0] == 404
    shutil.rmtree(folder / "3")
    until(server, {1: "END", 2: "AVAILABLE", 3: "END"})
    assert server.predict({"instances": [image]})["predictions"]


def test_a_broken_version_leaves_the_old_one_serving_until_it_is_whole(polled):
    server, folder = polled
    (folder / "2").mkdir()
    (folder / "2" / "saved_model.pb").write_bytes(b"\xff" * 99)
    until(server, {1: "AVAILABLE", 2: "END"})
    told = status(server)[0]["status"]
    assert told["error_code"] != "OK" and "is damaged" in told["error_message"]
    assert server.predict({"instances": np.ones((1, 4, 4, 1)).tolist()})["predictions"]
    shutil.copytree(folder / "1", folder / "2", dirs_exist_ok=True)
    until(server, {1: "END", 2: "AVAILABLE"})


def test_variables_that_are_cut_leave_the_old_version_serving(polled):
    server, folder = polled
    shutil.copytree(folder / "1", folder / "unfinished")
    for path in (folder / "unfinished" / "variables").glob("*"):
        path.unlink()
    (folder / "unfinished").rename(folder / "2")
    until(server, {1: "AVAILABLE", 2: "END"})
    assert "cannot compute it" in status(server)[0]["status"]["error_message"]
