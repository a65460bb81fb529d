"""The page of attention maps, opened in a real browser without a network."""

import os

import numpy as np
import pytest

from keras_multigrid.attention_maps import sweep, write_attention_page
from tests.attention_maps.test_occlusion import identity, network, random_images
from tests.browser import chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """An opened page of two images of 20x16 pixels, and the sweep that it should show."""
    model, _ = network(channels=1)
    images = random_images(2, 20, 16, 1)
    settings = {"occluder_size": 4, "stride": 2, "seed": 7}
    path = tmp_path_factory.mktemp("page") / "attention.html"
    write_attention_page(path, model, images, title="Noise & <more>", **settings, verbose=0)
    browser.get(path.as_uri())
    probes = np.stack(np.indices((20, 16)), axis=-1).reshape(-1, 2)
    return browser, sweep(model, images, probes, **settings, verbose=0)


def point_at(browser, row, column, click=False):
    """Moves the mouse to the middle of a pixel of the output."""
    from selenium.webdriver import ActionChains

    canvas = browser.find_element("id", "output")
    x = (column + 0.5 - 16 / 2) * canvas.size["width"] / 16
    y = (row + 0.5 - 20 / 2) * canvas.size["height"] / 20
    actions = ActionChains(browser).move_to_element_with_offset(canvas, round(x), round(y))
    (actions.click() if click else actions).perform()


def shown_map(browser):
    values = browser.execute_script("return [...attentionState.map]")
    return np.reshape(values, (20, 16))


def assert_shows(browser, swept, image, row, column):
    expected = swept.maps()[image, row * 16 + column]
    place = browser.execute_script("return [attentionState.row, attentionState.column]")
    assert place == [row, column]
    # A change is rounded to 1 / 255 of the probe's largest; up to 4 positions cover a pixel.
    tolerance = 4 * 0.5 / 255 * swept.changes[image, row * 16 + column].max()
    np.testing.assert_allclose(shown_map(browser), expected, atol=1.01 * tolerance, rtol=1e-5)


@pytest.mark.parametrize("row, column", [(0, 0), (3, 11), (19, 15), (10, 2)])
def test_pointing_at_a_pixel_shows_its_map(page, row, column):
    browser, swept = page
    point_at(browser, row, column)
    assert_shows(browser, swept, 0, row, column)
    assert f"row {row}, column {column}" in browser.find_element("id", "place").text


def test_the_canvas_is_brightest_where_the_map_is_largest(page):
    browser, swept = page
    point_at(browser, 8, 8)
    script = """
        const canvas = document.getElementById("attention");
        return [...canvas.getContext("2d").getImageData(0, 0, 16, 20).data];
    """
    red = np.reshape(browser.execute_script(script), (20, 16, 4))[..., 0].astype(float)
    map_ = swept.maps()[0, 8 * 16 + 8]
    assert np.corrcoef(red.ravel(), map_.ravel())[0, 1] > 0.8
    assert red[map_ == map_.max()].min() > red[map_ == 0].max()


def test_a_click_holds_the_pixel_and_keys_move_it(page):
    from selenium.webdriver import ActionChains, Keys

    browser, swept = page
    point_at(browser, 5, 6, click=True)
    point_at(browser, 12, 3)
    assert_shows(browser, swept, 0, 5, 6)
    ActionChains(browser).send_keys(Keys.ARROW_DOWN, Keys.ARROW_LEFT).perform()
    assert_shows(browser, swept, 0, 6, 5)
    point_at(browser, 12, 3, click=True)
    assert_shows(browser, swept, 0, 12, 3)


def test_another_image_has_its_own_maps(page):
    browser, swept = page
    first, second = browser.find_elements("css selector", "#thumbnails button")
    second.click()
    point_at(browser, 9, 9)
    assert_shows(browser, swept, 1, 9, 9)
    assert browser.find_element("id", "name").text == "Image 2"
    assert second.get_attribute("aria-label") == "Image 2"
    first.click()
    point_at(browser, 9, 10)
    assert_shows(browser, swept, 0, 9, 10)


def test_the_page_is_whole_and_asks_for_nothing(page):
    browser, _ = page
    assert browser.title == "Noise & <more>"
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors


def test_colours_and_sparse_probes(browser, tmp_path):
    images = np.zeros((1, 12, 12, 3), "float32")
    images[..., 0] = 1  # red
    path = tmp_path / "attention.html"
    model = identity((12, 12, 3))
    settings = {"occluder_size": 2, "stride": 1, "window": 1}
    write_attention_page(path, model, images, **settings, probe_stride=3, verbose=0)
    browser.get(path.as_uri())
    script = """
        const canvas = document.querySelector("#thumbnails canvas");
        return [...canvas.getContext("2d").getImageData(0, 0, 1, 1).data];
    """
    assert browser.execute_script(script) == [255, 0, 0, 255]
    script = "moveTo(5, 11); return [...attentionState.map]"
    shown = np.reshape(browser.execute_script(script), (12, 12))
    rows, columns = np.nonzero(shown)  # the probe of rows 3 to 5 and columns 9 to 11
    assert {*rows} <= {2, 3, 4} and {*columns} <= {8, 9, 10} and shown[3, 9] == shown.max()


NAMES = [
    "é <b>.png",
    "\udcff\ud800.png",
    "</script><script>name = 1</script>",
    "{{method}}",
    "long" * 40,
]


def spelled(text):
    for surrogate, spelling in (("\udcff", r"\udcff"), ("\ud800", r"\ud800")):
        text = text.replace(surrogate, spelling)
    return text


def test_any_names_and_titles_are_shown_as_they_are(browser, tmp_path):
    """Such as of files that are not UTF-8, or have HTML or the template's own marks in them."""
    model, images = identity((8, 8, 1)), np.zeros((len(NAMES), 8, 8, 1))
    path = tmp_path / os.fsdecode(b"page-\xff.html")
    title = "".join(NAMES) + "{{data}}{{other}}"
    write_attention_page(path, model, images, title=title, stride=8, verbose=0, names=NAMES)
    copy = tmp_path / "page.html"
    copy.write_bytes(path.read_bytes())
    browser.get(copy.as_uri())
    assert browser.find_element("tag name", "h1").text == spelled(title)
    buttons = browser.find_elements("css selector", "#thumbnails button")
    for button, name in zip(buttons, map(spelled, NAMES), strict=True):
        button.click()
        assert browser.find_element("id", "name").text == name
        assert button.get_attribute("title") == button.get_attribute("aria-label") == name
    assert len(browser.find_elements("tag name", "script")) == 2
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    script = "return document.documentElement.scrollWidth - window.innerWidth"
    assert browser.execute_script(script) <= 0


def test_outputs_of_any_range_are_told(browser, tmp_path):
    images = np.zeros((1, 8, 8, 1), "float32")
    images[0, 2, 3], images[0, 5, 6] = 7.5, -3
    path = tmp_path / "attention.html"
    write_attention_page(path, identity((8, 8, 1)), images, stride=4, verbose=0)
    browser.get(path.as_uri())
    for row, column, value in ((2, 3, 7.5), (5, 6, -3), (0, 0, 0)):
        browser.execute_script(f"moveTo({row}, {column})")
        text = browser.find_element("id", "place").text
        assert float(text.rpartition(": ")[2]) == pytest.approx(value, abs=0.03)


@pytest.mark.parametrize("width", [288, 340, 600])
def test_it_fits_into_a_narrow_window(page, width):
    browser, _ = page
    script = """
        document.body.style.width = arguments[0] + "px";
        const parts = [...document.querySelectorAll("figure, canvas, #scale, #most")];
        const right = Math.max(...parts.map((each) => each.getBoundingClientRect().right));
        return right - document.body.getBoundingClientRect().right;
    """
    assert browser.execute_script(script, width) <= 0
    browser.execute_script("document.body.style.width = ''")


def test_a_large_output_has_fewer_probes_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_multigrid.attention_maps.page.MOST_BYTES", 300)
    path = tmp_path / "attention.html"
    images = random_images(1, 16, 16, 1)
    write_attention_page(path, identity((16, 16, 1)), images, stride=4, verbose=0)
    assert '"probeStride": 4' in path.read_text()  # 4 x 4 probes, 3 x 3 positions
    assert [path.name for path in tmp_path.iterdir()] == ["attention.html"]


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros((1, 8, 8, 2)), {}, "images have 2 channels; expected 1 or 3"),
        (np.zeros((1, 8, 8, 1)), {"probe_stride": 0}, "probe_stride is 0; expected an integer"),
        (np.zeros((1, 8, 8, 1)), {"stride": 0}, "stride is 0; expected an integer"),
        (np.zeros((1, 8, 8, 1)), {"occluder_size": 9}, "occluder_size is 9; expected an integer"),
        (
            np.zeros((1, 120, 120, 1)),
            {"stride": 1, "probe_stride": 1},
            "page would have 175 MiB; expected at most 24",
        ),
        (np.zeros((2, 8, 8, 1)), {"names": ["one"]}, r"names is \['one'\]; expected 2, one for e"),
        (np.zeros((2, 8, 8, 1)), {"names": "ab"}, "names is 'ab'; expected a list"),
        (np.zeros((1, 8, 8, 1)), {"stride": "a"}, "stride is 'a'; expected an integer from 1 on"),
    ],
)
def test_misuse(images, options, message, tmp_path):
    path = tmp_path / "attention.html"
    with pytest.raises(ValueError, match=message):
        write_attention_page(path, identity(images.shape[1:]), images, **options, verbose=0)
    assert not path.exists()
