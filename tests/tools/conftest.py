import pytest

from tests.tools import toy


@pytest.fixture
def boat():
    """The toy tool, registered for one test."""
    remove = toy.install()
    yield toy.ToyTool()
    remove()
