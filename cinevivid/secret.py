"""The secret key of an instance that was given none."""

import secrets
from pathlib import Path


def local_secret_key(data_dir: Path) -> str:
    """The key kept beside the data, made on first use and readable by its owner only."""
    path = data_dir / "secret_key"
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text()
