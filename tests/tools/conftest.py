import pytest

from tests.tools import paper as chains
from tests.tools import toy


@pytest.fixture
def boat():
    """The toy tool, registered for one test."""
    remove = toy.install()
    yield toy.ToyTool()
    remove()


@pytest.fixture
def paper():
    """The tool whose jobs begin with what others have made, registered for one test."""
    paper, remove = chains.install()
    yield paper
    remove()
