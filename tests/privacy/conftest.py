from tests.tools.conftest import boat  # noqa: F401
