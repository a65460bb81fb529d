"""What `weights=` takes, by every constructor: files of all kinds, and what does not fit."""

import inspect
import re

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.applications.fitting import HEAD
from keras_multigrid.applications.weight_files import read_weights, variables_by_name
from tests.applications.saving import SUFFIXES, assert_equal, save, segmenter, values
from tests.conformance import MODELS
from tests.random_weights import randomize

zoo = kmg.applications
NESTED = [case for case in MODELS if case.name.startswith("TD")]  # a functional around a `TopDown`


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [case for case in MODELS if case not in NESTED], ids=lambda case: case.name
)
def test_all_kinds_of_files_of_all_networks_are_read_alike(case, tmp_path):
    model = case.make()
    randomize(model)
    assert len(values(model)) == len(model.weights)
    for suffix in SUFFIXES:
        save(model, tmp_path / f"net{suffix}")
        assert_equal(read_weights(tmp_path / f"net{suffix}"), values(model))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(case.name, marks=[pytest.mark.slow] if case.slow else [], id=case.name)
        for case in MODELS
    ],
)
def test_the_head_is_what_include_top_adds(name):
    constructor = getattr(zoo, name)
    takes = inspect.signature(constructor).parameters
    options = {"width_multiplier": 0.05} if "width_multiplier" in takes else {}

    def layers(**more):
        with keras.StatelessScope(initialize_variables=False):
            model = constructor(**options, **more)
        return {layer.name for layer in model.layers if layer.weights}

    full, features = layers(), layers(include_top=False)
    assert full - features == full & HEAD and full & HEAD
    assert not features & HEAD


@pytest.mark.parametrize(
    "module, dense, logits, expected",
    [
        ("mine_inner", "mine_inner_dense", "mine_logits", {"inner/mine_inner_dense", "logits"}),
        ("inner", "inner_dense", "logits", {"inner/dense", "logits"}),
        ("inner", "inner_dense", "mine_logits", {"inner/dense", "mine_logits"}),
        ("inner", "dense", "logits", {"inner/dense", "logits"}),
    ],
)
def test_models_that_begin_the_names_of_all_their_layers(module, dense, logits, expected, tmp_path):
    """Networks on a tensor do, and modules, and their weights fit those that do not."""
    image = keras.Input((2,))
    inner = keras.Model(image, keras.layers.Dense(2, name=dense)(image), name=module)
    model = keras.Model(image, keras.layers.Dense(1, name=logits)(inner(image)), name="mine")
    assert {name.rpartition("/")[0] for name in variables_by_name(model)} == expected
    for suffix in SUFFIXES:
        save(model, tmp_path / f"net{suffix}")
        assert_equal(read_weights(tmp_path / f"net{suffix}"), values(model))


def make_top_down(**options):
    return zoo.TDMNIST3(levels=2, width_multiplier=0.1, **options)


def make_baseline(**options):
    return zoo.BLMNIST3(width_multiplier=0.1, **options)


def make_residual(**options):
    return segmenter(zoo.RSGSEG, channel_ratios=(1,), **options)


def make_cifar(**options):
    return zoo.MG(depth=6, small=True, width_multiplier=0.05, **options)


def make_imagenet(**options):
    return zoo.RMG18(width_multiplier=0.05, input_shape=(32, 32, 3), **options)


def make_unet(**options):
    return zoo.UMGSEG(input_shape=(12, 10, 1), width_multiplier=0.1, **options)


FAMILIES = [
    segmenter,
    make_residual,
    make_cifar,
    make_top_down,
    make_baseline,
    pytest.param(make_unet, marks=pytest.mark.slow),
    pytest.param(make_imagenet, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("make", FAMILIES)
def test_constructors_take_files_and_leave_a_head_of_other_classes_out(make, tmp_path, capsys):
    original = make(classes=7)
    randomize(original)
    expected = values(original)
    for suffix in SUFFIXES:
        save(original, tmp_path / f"net{suffix}")
        assert_equal(read_weights(tmp_path / f"net{suffix}"), expected)
    path = tmp_path / "net.keras"
    assert_equal(values(make(classes=7, weights=path)), expected)
    capsys.readouterr()
    expected = values(original, head=False)
    for number in (3, 64):  # less and more than the channels
        other = make(classes=number, weights=str(path))
        assert_equal(values(other, head=False), expected)
        assert {array.shape[-1] for array in values(other, head=True).values()} >= {number}
        (said,) = capsys.readouterr().out.splitlines()
        assert f"{path} are for 7 classes, not {number}: the head (" in said
    assert_equal(values(make(classes=None, include_top=False, weights=path)), expected)
    assert not capsys.readouterr().out


@pytest.mark.parametrize("channels", [2, 3])
def test_first_convolutions_are_adapted_to_other_channels(saved, channels, capsys):
    folder, model = saved
    other = segmenter(input_shape=(12, 10, channels), weights=folder / "net.npz")
    (said,) = capsys.readouterr().out.splitlines()
    assert f"are for images of 1 channels, not {channels}: " in said
    for grid in range(2):
        assert f"input_{grid}_conv" in said
    # A grey image gives what it gave.
    grey = np.random.default_rng(0).normal(size=(2, 12, 10, 1)).astype("float32")
    np.testing.assert_allclose(
        other(np.repeat(grey, channels, -1)), model(grey), rtol=1e-4, atol=1e-5
    )


def test_colours_become_their_mean(tmp_path):
    colour = make_cifar()
    randomize(colour)
    save(colour, tmp_path / "net.npz")
    grey = make_cifar(input_shape=(32, 32, 1), weights=tmp_path / "net.npz")
    kernels = [model.get_layer("input_1_conv").kernel.numpy() for model in (colour, grey)]
    np.testing.assert_allclose(kernels[1][:, :, 0], kernels[0].sum(axis=2), rtol=1e-5)


def test_top_down_takes_other_channels_and_levels(tmp_path):
    model = make_top_down()
    randomize(model)
    save(model, tmp_path / "net.npz")
    other = make_top_down(input_shape=(28, 28, 3), weights=tmp_path / "net.npz")
    images = np.random.default_rng(0).uniform(size=(2, 28, 28, 1)).astype("float32")
    outputs = [
        network.predict(array, sample=False, verbose=0)
        for network, array in ((model, images), (other, np.repeat(images, 3, -1)))
    ]
    np.testing.assert_allclose(*outputs, rtol=1e-4, atol=1e-6)
    deeper = zoo.TDMNIST3(levels=3, width_multiplier=0.1, weights=tmp_path / "net.npz")
    assert_equal(values(deeper), values(model))


MISFITS = {
    "wider": ({"width_multiplier": 0.2}, r"width_multiplier does not fit .*0\.\d+ times as wide"),
    "narrower": ({"width_multiplier": 0.05}, "width_multiplier does not fit .*2 times as wide"),
    "ratios": ({"channel_ratios": (1, 1)}, "channel_ratios do not fit"),
    "fewer grids": ({"channel_ratios": (1,)}, "another number of channel_ratios"),
    "more grids": ({"channel_ratios": (1, 0.5, 0.25)}, "another number of channel_ratios"),
    "deeper": ({"repeats": 2}, "no 'full_unit2_conv'.*other repeats"),
    "another": ({"constructor": zoo.RPMGSEG}, "do not fit R-PMG-20: .*another network"),
    "classification": ({"constructor": zoo.MG, "input_shape": (32, 32, 1)}, "another network"),
}


@pytest.mark.parametrize("options, message", MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_is_named(saved, options, message):
    with pytest.raises(ValueError, match=message) as raised:
        segmenter(**options, weights=saved[0] / "net.weights.h5")
    assert "net.weights.h5" in str(raised.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0, 0.3, 0.97])
def test_truncated_files_are_one_sentence(saved, suffix, share, tmp_path):
    whole = (saved[0] / f"net{suffix}").read_bytes()
    path = tmp_path / f"net{suffix}"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=re.escape(f"{path} is damaged")) as raised:
        read_weights(path)
    assert len(str(raised.value).splitlines()) == 1


def test_a_flipped_bit_in_an_archive_is_found(saved, tmp_path):
    content = bytearray((saved[0] / "net.npz").read_bytes())
    content[len(content) // 3] ^= 1
    (tmp_path / "net.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"net\.npz is damaged"):
        segmenter(weights=tmp_path / "net.npz")


def test_files_of_other_kinds_are_refused(tmp_path):
    (tmp_path / "net.pt").write_bytes(b"anything")
    with pytest.raises(ValueError, match=r"not a file of weights; expected \.weights\.h5, "):
        segmenter(weights=tmp_path / "net.pt")


@pytest.mark.slow
@pytest.mark.parametrize("name, head", [("ResNet50", "predictions"), ("VGG16ImageNet", "fc1, fc2")])
def test_networks_of_keras_take_the_same(name, head, tmp_path, capsys):
    constructor, shape = getattr(zoo, name), (32, 32, 3)
    model = constructor(input_shape=shape, classes=3)
    save(model, tmp_path / "net.keras")
    again = constructor(input_shape=shape, classes=3, weights=tmp_path / "net.keras")
    assert_equal(values(again), values(model))
    other = constructor(input_shape=shape, classes=5, weights=tmp_path / "net.keras")
    assert_equal(values(other, False), values(model, False))
    assert f"for 3 classes, not 5: the head ({head}" in capsys.readouterr().out


def test_counting_needs_no_weights():
    from keras_multigrid.complexity import count

    assert count(zoo.PMGSEG, weights="nowhere.npz") == count(zoo.PMGSEG)
