"""The page at `/`, in a real browser, with real networks behind it."""

import json
import subprocess

import numpy as np
import pytest
from PIL import Image

import keras_multigrid as kmg
from keras_multigrid.datasets.masks.labels import SegmentationTask
from tests.browser import chromium
from tests.prediction.runs import LABELS, brightest
from tests.server.running import serving

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    """A server of a network whose masks are known, of a classifier, and of one without a task."""
    folder = tmp_path_factory.mktemp("served")
    task = SegmentationTask(labels=LABELS, channels=3, image_type="uint8")
    facts = kmg.export.Facts(class_names=LABELS.names, task=task)
    kmg.export.export_model(brightest(), folder / "colours", facts=facts)
    for name in ("digits", "dense", "counter"):
        (folder / name).symlink_to(models / name)
    with serving(folder) as running:
        yield running


@pytest.fixture
def page(browser, server):
    """Opens the page for a model."""

    def choose(model):
        from selenium.webdriver.support.ui import Select

        browser.get(f"http://127.0.0.1:{server.port}/")
        Select(browser.find_element("id", "model")).select_by_value(model)
        return browser

    yield choose
    assert not browser.get_log("browser")


def wait(browser, condition, seconds=60):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds).until(condition)


def text(browser, name):
    return browser.find_element("id", name).text


def answered(browser):
    """Waits for the answer; returns its bars, from names to texts."""
    wait(browser, lambda _: text(browser, "status") or text(browser, "error"))
    assert not text(browser, "error")
    bars = browser.find_elements("css selector", "#answer .bar")
    return dict(each.text.replace("\n", " ").rsplit(" ", 2)[:2] for each in bars)


def send(browser, path):
    browser.find_element("id", "file").send_keys(str(path))
    return answered(browser)


def thirds(folder, kind="PNG", size=(12, 9)):
    """Writes an image that is red, green, and blue from left to right, half green."""
    array = np.zeros((size[1], size[0], 3), "uint8")
    quarter = size[0] // 4
    array[:, :quarter], array[:, quarter : 3 * quarter] = COLOURS["red"], COLOURS["green"]
    array[:, 3 * quarter :] = COLOURS["blue"]
    path = folder / f"the image's.{kind.lower()}"
    Image.fromarray(array).save(path, kind)
    return path, array


def test_masks_lie_over_the_image_with_a_legend(page, tmp_path):
    browser = page("colours")
    path, array = thirds(tmp_path)
    assert send(browser, path) == {"green": "50.0", "red": "25.0", "blue": "25.0"}
    script = """
        const canvas = document.getElementById("mask"), {width, height} = canvas;
        return [...canvas.getContext("2d").getImageData(0, 0, width, height).data];
    """
    shown = np.reshape(browser.execute_script(script), (9, 12, 4))
    np.testing.assert_array_equal(shown[..., :3], array)
    assert (shown[..., 3] == 255).all()
    keys = browser.find_elements("css selector", "#answer .key i")
    assert keys[0].value_of_css_property("background-color") == "rgba(0, 255, 0, 1)"
    assert "12 \N{MULTIPLICATION SIGN} 9 pixels: answered in " in text(browser, "status")


def test_the_slider_fades_the_mask(page, tmp_path):
    from selenium.webdriver import Keys

    browser = page("colours")
    send(browser, thirds(tmp_path)[0])
    slider = browser.find_element("id", "opacity")
    slider.send_keys(Keys.HOME)
    mask = browser.find_element("id", "mask")
    assert (mask.value_of_css_property("opacity"), text(browser, "percent")) == ("0", "0 %")
    slider.send_keys(Keys.END)
    assert (mask.value_of_css_property("opacity"), text(browser, "percent")) == ("1", "100 %")


@pytest.mark.parametrize("model", ["colours", "digits"])
def test_the_line_for_the_terminal_does_the_same(model, page, server, tmp_path):
    browser = page(model)
    path, _ = thirds(tmp_path)
    send(browser, path)
    line = text(browser, "curl").replace("curl ", "curl --silent --fail ")
    done = subprocess.run(["bash", "-c", line], capture_output=True, cwd=tmp_path, text=True)
    assert done.returncode == 0, (line, done.stderr)
    (row,) = json.loads(done.stdout)["predictions"]
    assert set(row) == ({"b64"} if model == "colours" else {"probabilities", "classes"})


def test_large_images_are_sent_smaller(page, tmp_path):
    browser = page("colours")
    array = np.zeros((3000, 2000, 3), "uint8")
    array[:, :1000], array[:, 1000:] = COLOURS["red"], COLOURS["blue"]
    Image.fromarray(array).save(tmp_path / "large.png")
    found = send(browser, tmp_path / "large.png")
    assert {name: round(float(share)) for name, share in found.items()} == {"red": 50, "blue": 50}
    assert "sent as 1182 \N{MULTIPLICATION SIGN} 1773 pixels" in text(browser, "status")
    assert "sent.png" in text(browser, "curl") and text(browser, "sent") == "Save sent.png"


def test_photographs_that_the_camera_turned_are_upright(page, tmp_path):
    browser = page("colours")
    _, array = thirds(tmp_path, size=(64, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(np.rot90(array)).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    send(browser, tmp_path / "turned.jpg")
    assert "sent as 64 \N{MULTIPLICATION SIGN} 32 pixels" in text(browser, "status")
    script = """
        const canvas = document.getElementById("mask");
        return [...canvas.getContext("2d").getImageData(0, 16, 1, 1).data];
    """
    assert browser.execute_script(script)[:3] == [255, 0, 0]


def test_classes_are_bars_and_grids_can_be_seen(page, server):
    browser = page("digits")
    browser.find_element("css selector", "[data-example=digit]").click()
    bars = answered(browser)
    shares = [float(share) for share in bars.values()]
    assert len(bars) == 10 and shares == sorted(shares, reverse=True)
    assert set(bars) == {*"0123456789"} and sum(shares) == pytest.approx(100, abs=1)
    browser.find_element("id", "see").click()
    figures = wait(browser, lambda _: browser.find_elements("css selector", "#grids figure"), 120)
    metadata = json.loads(server.get("/v1/models/digits/metadata")[1])["metadata"]
    signature = metadata["signature_def"]["signature_def"]["features"]
    assert [each.text.split(":")[0] for each in figures] == [
        name.replace("_", " ") for name in sorted(signature["outputs"])
    ]


def test_masks_without_a_task_have_colours_of_their_own(page):
    browser = page("dense")
    browser.find_element("css selector", "[data-example=shapes]").click()
    bars = answered(browser)
    assert bars and set(bars) <= {f"class {n}" for n in range(4)}
    assert "image_files" in text(browser, "curl")


def test_what_cannot_be_answered_is_said(page, tmp_path):
    browser = page("digits")
    (tmp_path / "note.png").write_text("not an image")
    browser.find_element("id", "file").send_keys(str(tmp_path / "note.png"))
    wait(browser, lambda _: text(browser, "error"))
    assert "note.png is not an image that this browser reads" in text(browser, "error")


def test_the_keyboard_is_enough(page):
    from selenium.webdriver import ActionChains, Keys

    browser = page("digits")
    for _ in range(9):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        if browser.switch_to.active_element.get_attribute("data-example") == "scene":
            break
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert len(answered(browser)) == 10
    assert text(browser, "status").startswith("scene.png")


@pytest.mark.parametrize("width", [360, 500, 1400])
def test_nothing_is_wider_than_the_screen(width, page, tmp_path):
    browser = page("colours")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    send(browser, thirds(tmp_path)[0])
    widest = browser.execute_script("return document.documentElement.scrollWidth")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert widest <= width


def test_only_models_that_can_be_shown_are_listed_and_nothing_comes_from_elsewhere(server):
    status, page = server.get("/")
    assert status == 200
    text = page.decode()
    data = text.partition('id="data">')[2].partition("</script>")[0]
    assert {each["name"] for each in json.loads(data)} == {"colours", "dense", "digits"}
    assert "http" not in text.replace("http-equiv", "")
    assert "src=" not in text and "import " not in text
