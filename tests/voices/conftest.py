from tests.speaking import service  # noqa: F401
