"""Occlusion attention against an oracle, closed forms, and what must not matter."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_multigrid as kmg
from keras_multigrid.attention_maps import sweep
from tests.attention_maps.oracle import noise, occlusion_map
from tests.random_weights import randomize

pytestmark = pytest.mark.usefixtures("eagerly")

RNG = np.random.default_rng(0)


def model_of(function, shape):
    image = keras.Input(shape)
    return keras.Model(image, function(image))


def identity(shape):
    return model_of(keras.layers.Identity(), shape)


def random_images(*shape):
    return RNG.normal(size=shape).astype("float32")


def attend(model, images, probes, threshold=0.0, **options):
    return sweep(model, images, probes, verbose=0, **options).maps(threshold)


def test_only_what_covers_the_probe_influences_the_identity():
    images = random_images(1, 14, 12, 1)
    maps = attend(identity((14, 12, 1)), images, [(6, 5)], occluder_size=3, window=1)
    map_ = maps[0, 0]
    occluder = noise(0, 3, images)
    expected = np.zeros((14, 12))
    for row in range(4, 7):  # the corners of the squares that cover the probe
        for column in range(3, 6):
            change = abs(occluder[6 - row, 5 - column, 0] - images[0, 6, 5, 0])
            expected[row : row + 3, column : column + 3] += change
    np.testing.assert_allclose(map_, expected, atol=1e-5)
    assert (map_ > 0).sum() == 25 and map_[6, 5] == map_.max()


def test_shift_shifts_attention():
    down, right = 4, 3
    images = random_images(1, 20, 20, 1)
    rolled = model_of(lambda image: ops.roll(image, (down, right), axis=(1, 2)), (20, 20, 1))
    options = {"occluder_size": 3, "window": 1}
    at_source = attend(identity((20, 20, 1)), images, [(8, 9)], **options)
    at_target = attend(rolled, images, [(8 + down, 9 + right)], **options)
    np.testing.assert_allclose(at_target, at_source, atol=1e-6)


def test_linear_model_equals_the_closed_form():
    """A probe of a linear map changes by its weights times what the noise adds to the image."""
    height, width, side = 9, 8, 3
    images = random_images(2, height, width, 2)
    weights = random_images(height * width * 2, height * width)
    dense = keras.layers.Dense(height * width, use_bias=False)
    model = model_of(
        lambda image: ops.reshape(dense(ops.reshape(image, (-1, weights.shape[0]))), (-1, 9, 8, 1)),
        (height, width, 2),
    )
    dense.kernel.assign(weights)
    probes = np.array([[0, 0], [4, 7], [8, 3]])
    maps = attend(model, images, probes, occluder_size=side, window=1, seed=5)
    occluder = noise(5, side, images)
    kernels = weights.T.reshape(height, width, height, width, 2)
    for image, of_image in zip(images, maps):
        for (row, column), map_ in zip(probes, of_image):
            expected = np.zeros((height, width))
            for top in range(height - side + 1):
                for left in range(width - side + 1):
                    place = np.s_[top : top + side, left : left + side]
                    added = occluder - image[place]
                    expected[place] += abs((kernels[row, column][place] * added).sum())
            np.testing.assert_allclose(map_, expected, rtol=1e-4, atol=1e-4)


def network(channels=3, outputs=2):
    """Returns a random convolutional network, and itself as a function of one image."""
    model = model_of(
        keras.Sequential(
            [
                keras.layers.Conv2D(4, 3, padding="same", activation="relu"),
                keras.layers.Conv2D(outputs, 3, padding="same", activation="sigmoid"),
            ]
        ),
        (None, None, channels),
    )
    randomize(model)
    return model, lambda image: ops.convert_to_numpy(model(image[None], training=False))[0]


@pytest.mark.parametrize(
    "options",
    [
        {"occluder_size": 4, "stride": 1, "window": 3},
        {"occluder_size": 3, "stride": 2, "window": 5},
        {"occluder_size": 2, "stride": 3, "window": 1},
        {"occluder_size": 5, "stride": 4, "window": 3, "channel": 1},
        {"occluder_size": 9, "stride": 1, "window": 3},
        {"occluder_size": 3, "stride": 2, "window": 3, "threshold": 0.3},
    ],
)
def test_equals_the_oracle(options):
    model, function = network()
    images = random_images(2, 11, 9, 3)
    probes = np.array([[[0, 0], [5, 4]], [[10, 8], [2, 7]]])
    maps = attend(model, images, probes, seed=3, **options)
    assert maps.shape == (2, 2, 11, 9) and maps.dtype == "float32"
    occluder = noise(3, options.pop("occluder_size"), images)
    for image, of_image, places in zip(images, maps, probes):
        for map_, probe in zip(of_image, places):
            expected = occlusion_map(function, image, probe, occluder, **options)
            np.testing.assert_allclose(map_, expected, rtol=1e-4, atol=1e-5)
    assert (maps > 0).any()


def test_outputs_may_be_smaller_than_images():
    pool = keras.layers.AveragePooling2D(2)
    images = random_images(1, 12, 12, 1)
    maps = attend(model_of(pool, (12, 12, 1)), images, [(5, 0)], occluder_size=2, window=1)

    def function(image):
        return image.reshape(6, 2, 6, 2, 1).mean((1, 3))

    expected = occlusion_map(function, images[0], (5, 0), noise(0, 2, images), window=1)
    np.testing.assert_allclose(maps[0, 0], expected, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_batch_size_does_not_matter(batch_size):
    model, _ = network()
    images = random_images(2, 10, 9, 3)
    probes = [(3, 3), (9, 0)]
    expected = attend(model, images, probes, occluder_size=4)
    maps = attend(model, images, probes, occluder_size=4, batch_size=batch_size)
    np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-6)


def test_all_probes_together_are_each_alone():
    model, _ = network()
    images = random_images(1, 8, 7, 3)
    every = np.stack(np.indices((8, 7)), axis=-1).reshape(-1, 2)
    together = attend(model, images, every, occluder_size=3)
    for index in (0, 23, 55):
        alone = attend(model, images, every[index : index + 1], occluder_size=3)
        np.testing.assert_allclose(together[:, index], alone[:, 0], atol=1e-6)


def test_images_do_not_mix():
    model, _ = network()
    images = random_images(3, 8, 8, 3)
    options = {"occluder_size": 3, "noise_range": (-1, 1)}
    together = attend(model, images, [(4, 4)], **options)
    for index in range(3):
        alone = attend(model, images[index : index + 1], [(4, 4)], **options)
        np.testing.assert_allclose(together[index : index + 1], alone, atol=1e-6)


def test_noise_is_as_the_seed_and_the_range_say():
    images = random_images(1, 8, 8, 1)
    model = identity((8, 8, 1))
    first, again, other = (sweep(model, images, seed=s, verbose=0).occluder for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    assert images.min() <= first.min() and first.max() <= images.max()
    given = sweep(model, images, noise_range=(5, 6), verbose=0).occluder
    assert given.min() >= 5 and given.max() <= 6
    flat = sweep(model, np.full((1, 8, 8, 1), 2.0), verbose=0).occluder
    assert 2 <= flat.min() < flat.max() <= 3  # images without contrast


def test_probes_default_to_the_bounding_box_of_each_output():
    images = np.zeros((2, 12, 12, 1), "float32")
    images[0, 2:5, 3:8] = 1
    images[1, 6:11, 1:4] = 1
    swept = sweep(identity((12, 12, 1)), images, stride=4, verbose=0)
    corners = swept.probes[:, [0, 3]].tolist()
    assert corners == [[[2, 3], [4, 7]], [[6, 1], [10, 3]]]
    assert swept.changes.shape == (2, 7, 2, 2)
    np.testing.assert_array_equal(swept.outputs, images)


def test_the_box_is_of_what_stands_out_whatever_the_range():
    outputs = np.full((1, 6, 6, 1), -9.0)
    outputs[0, 1:4, 2:5] = -2
    probes = kmg.attention_maps.bounding_box_probes(outputs)
    assert probes[0, [0, 3]].tolist() == [[1, 2], [3, 4]]


def test_an_empty_output_has_probes_too():
    probes = kmg.attention_maps.bounding_box_probes(np.zeros((1, 5, 7, 2)))
    assert probes[0].tolist() == [[0, 0], [0, 6], [4, 0], [4, 6], [2, 0], [2, 6], [2, 3]]


def test_model_keeps_its_weights_and_its_compilation():
    model = kmg.applications.PMGSEG(width_multiplier=0.05, input_shape=(16, 16, 1))
    model.compile("sgd", "binary_crossentropy")
    before = [variable.numpy() for variable in model.variables]
    attend(model, random_images(1, 16, 16, 1), [(8, 8)], stride=4)
    for variable, value in zip(model.variables, before):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert model.compiled and model.optimizer is not None


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = keras.layers.Conv2D(1, 3, padding="same")

    def call(self, images):
        return self.conv(images)


def test_any_kind_of_model():
    images = random_images(1, 9, 9, 1)
    subclassed = Subclassed()
    subclassed(images)
    sequential = keras.Sequential([keras.Input((9, 9, 1)), subclassed.conv])
    expected = attend(sequential, images, [(4, 4)], occluder_size=3)
    assert (expected > 0).any()
    for model in (subclassed, model_of(subclassed, (9, 9, 1))):
        maps = attend(model, images, [(4, 4)], occluder_size=3)
        np.testing.assert_allclose(maps, expected, atol=1e-6)


def test_half_precision_is_compared_in_full():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model, _ = network()
    images = random_images(1, 8, 8, 3)
    maps = attend(model, images, [(4, 4)], occluder_size=3)

    def function(image):
        return model.predict_on_batch(np.repeat(image[None], 18, axis=0))[0].astype("float32")

    expected = occlusion_map(function, images[0], (4, 4), noise(0, 3, images))
    np.testing.assert_allclose(maps[0, 0], expected, rtol=1e-6)


def test_what_is_not_finite_is_said():
    images = np.ones((1, 6, 6, 1), "float32")
    for function in (lambda image: ops.log(-image), lambda image: ops.log(1.5 - image)):
        with pytest.raises(ValueError, match="is not finite"):
            attend(model_of(function, (6, 6, 1)), images, [(3, 3)], occluder_size=2)


def test_other_data_formats_are_refused():
    model = identity((6, 6, 1))
    keras.config.set_image_data_format("channels_first")
    with pytest.raises(ValueError, match="is channels_first; expected channels_last"):
        attend(model, np.ones((1, 6, 6, 1)), [(3, 3)], occluder_size=2)


def test_progress_is_shown_unless_silent(capsys):
    model, images = identity((9, 9, 1)), random_images(2, 9, 9, 1)
    sweep(model, images, [(4, 4)], batch_size=1)
    assert "8/8" in capsys.readouterr().out  # 2 x 2 positions of 2 images
    sweep(model, images, [(4, 4)], verbose=0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((9, 9, 1))}, r"shape \(9, 9, 1\); expected \(None, 9, 9, 1\), with"),
        ({"images": np.zeros((1, 9, 9, 3))}, r"shape \(1, 9, 9, 3\); expected"),
        ({"images": np.zeros((0, 9, 9, 1))}, "with one image or more"),
        ({"images": np.full((1, 9, 9, 1), np.nan)}, "not finite"),
        ({"occluder_size": 10}, "occluder_size is 10; expected an integer from 1 to 9"),
        ({"occluder_size": 2.0}, "occluder_size is 2.0; expected an integer from 1 to 9"),
        ({"stride": 0}, "stride is 0; expected an integer from 1 on"),
        ({"window": 2}, "window is 2; expected an odd number"),
        ({"batch_size": -1}, "batch_size is -1; expected an integer from 1 on"),
        ({"seed": "x"}, "seed is 'x'; expected an integer from 0 on"),
        ({"probes": [(9, 0)]}, r"Probe \(9, 0\) is outside the output; expected rows from 0 to 8"),
        ({"probes": [(-1, 0)]}, r"Probe \(-1, 0\) is outside"),
        ({"probes": [(1.5, 0)]}, "float64; expected integers"),
        ({"probes": [1, 2]}, r"probes have shape \(2,\); expected \(probes, 2\)"),
        ({"probes": np.zeros((3, 1, 2), int)}, r"or \(1, probes, 2\), other ones for each image"),
        ({"probes": np.zeros((0, 2), int)}, r"probes have shape \(1, 0, 2\)"),
        ({"channel": 1}, "channel is 1; expected None, for all together, or an integer from 0 to"),
        (
            {"noise_range": (1, 0)},
            r"noise_range is \(1, 0\); expected the smallest and the largest",
        ),
        ({"noise_range": 3}, "noise_range is 3; expected"),
    ],
)
def test_misuse(changes, message):
    arguments = {"images": np.zeros((1, 9, 9, 1)), "probes": [(4, 4)], **changes}
    with pytest.raises(ValueError, match=message):
        sweep(identity((9, 9, 1)), **arguments, verbose=0)


def test_several_inputs_are_refused():
    inputs = [keras.Input((9, 9, 1)), keras.Input((9, 9, 1))]
    model = keras.Model(inputs, keras.layers.Add()(inputs))
    with pytest.raises(ValueError, match="expected a model of one input"):
        attend(model, np.zeros((1, 9, 9, 1)), [(0, 0)])


def test_a_classifier_is_refused():
    model = model_of(keras.layers.Flatten(), (4, 4, 1))
    with pytest.raises(
        ValueError, match=r"output has shape \(None, 16\); expected one of image-like"
    ):
        attend(model, np.zeros((1, 4, 4, 1)), [(0, 0)], occluder_size=2)
