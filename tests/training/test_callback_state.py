"""The state of callbacks goes through JSON and arrays and comes back."""

import json

import keras
import ml_dtypes
import numpy as np
import pytest

from keras_multigrid.training.callback_state import changed, get_state, pack, set_state, unpack

VALUES = {
    "numbers": (1, -2.5, True, None, "text", float("inf")),
    "lists": [[], [1, [2, (3,)]], ()],
    "keys": {"a": 1, 2: {None: [True]}, 0.5: {}},
    "array": np.arange(6, dtype="int8").reshape(2, 3),
    "bfloat16": np.ones(2, ml_dtypes.bfloat16),
    "scalar": np.float32(0.1),
    "float64": np.float64(0.1),  # a float of Python, too
    "weights": [np.ones((2, 0)), {"deep": np.array(3)}],
    "less": keras.ops.less,
}


def assert_same(value, expected):
    assert type(value) is type(expected)
    if isinstance(expected, dict):
        assert list(value) == list(expected)
        for key in expected:
            assert_same(value[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(value) == len(expected)
        for entry, expected_entry in zip(value, expected):
            assert_same(entry, expected_entry)
    elif isinstance(expected, np.ndarray | np.generic):
        np.testing.assert_array_equal(value, expected, strict=True)
        assert value.dtype == expected.dtype
    else:
        assert value == expected


def through_json(value):
    arrays = {}
    text = json.dumps(pack(value, arrays, "name"))
    assert all(name.startswith("name") for name in arrays)
    return unpack(json.loads(text), arrays)


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back(name):
    assert_same(through_json(VALUES[name]), VALUES[name])


def test_values_come_back_together_and_as_copies():
    arrays = {}
    packed = pack(VALUES, arrays, "all")
    first, second = unpack(packed, arrays), unpack(packed, arrays)
    first["array"][0, 0] = 99
    first["lists"].append(1)
    assert_same(second, VALUES)


class Some(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.path, self.patience, self.wait = "here", 3, 0
        self.best = None
        self.sums = {"array": np.zeros(2), 1: [0]}
        self.names = ["a", "b"]
        self.function, self.object, self.mixed = len, object(), [object()]
        self.writers = {}


def test_plain_attributes_are_state():
    callback = Some()
    callback.set_params({"epochs": 1})
    plain = {"path", "patience", "wait", "best", "sums", "names", "writers"}
    assert get_state(callback).keys() & vars(Some()).keys() == plain
    assert "params" not in get_state(callback)


def test_state_is_a_copy():
    callback = Some()
    state = get_state(callback)
    callback.sums["array"] += 1
    callback.names.append("c")
    assert state["sums"]["array"].tolist() == [0, 0]
    assert state["names"] == ["a", "b"]


def test_settings_stay_as_given_and_all_else_is_restored():
    before = Some()
    initial = get_state(before)
    before.wait, before.best, before.new = 2, [np.ones(2)], "new"
    before.sums[1].append(5)
    state = through_json(changed(get_state(before), initial))
    assert {"wait", "best", "new", "sums"} == state.keys()
    after = Some()
    after.path, after.patience = "there", 9
    initial = get_state(after)
    after.wait, after.names = 7, []  # what has happened meanwhile is undone
    set_state(after, state, initial)
    assert (after.path, after.patience) == ("there", 9)
    assert (after.wait, after.new, after.names) == (2, "new", ["a", "b"])
    assert_same(after.best, [np.ones(2)])
    assert_same(after.sums, {"array": np.zeros(2), 1: [0, 5]})
    after.names.append("c")
    assert initial["names"] == ["a", "b"]


def test_what_has_become_an_object_stays():
    callback = Some()
    initial = get_state(callback)
    callback.writers["train"] = writer = object()
    assert "writers" not in changed(get_state(callback), initial)
    set_state(callback, {}, initial)
    assert callback.writers == {"train": writer}


@pytest.mark.parametrize(
    "value, other",
    [
        (1, True),
        (0, 0.0),
        ([1], (1,)),
        ([1, 2], [1]),
        ({"a": 1}, {"b": 1}),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}),
        (None, False),
        ("1", 1),
        (keras.ops.less, keras.ops.greater),
    ],
)
def test_values_that_differ_are_told(value, other):
    assert changed({"x": value}, {"x": other}) == {"x": value}
    assert changed({"x": other}, {"x": value}) == {"x": other}
    assert changed({"x": value}, {"x": value}) == {}


def test_keras_own_callbacks_tell_what_is_best_as_before():
    callback = keras.callbacks.EarlyStopping("val_loss", 0.1, patience=9, mode="max")
    callback.on_train_begin()
    initial = get_state(callback)
    for epoch, value in enumerate((0.5, 0.4)):
        callback.on_epoch_end(epoch, {"val_loss": value})
    state = through_json(changed(get_state(callback), initial))
    again = keras.callbacks.EarlyStopping("val_loss", 0.1, patience=9, mode="max")
    again.on_train_begin()
    set_state(again, state, get_state(again))
    assert get_state(again) == get_state(callback)
    assert again.monitor_op is keras.ops.greater
    assert (again.best, again.wait) == (0.5, 1)
