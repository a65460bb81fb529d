"""A real browser, for pages."""

import contextlib
import os
import shutil

import pytest

OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1000,1400"
).split()


@contextlib.contextmanager
def chromium(folder):
    """A headless Chromium, with its data in a folder; only outside of CI may there be none."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs and not os.environ.get("CI"):
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for option in [*OPTIONS, f"--user-data-dir={folder}"]:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(programs[1]))
    try:
        yield driver
    finally:
        driver.quit()
