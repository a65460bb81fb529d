"""Networks are counted once for all tests."""

import pytest

from tests import counting


@pytest.fixture(scope="package", autouse=True)
def counted_once():
    with counting.counted_once():
        yield
