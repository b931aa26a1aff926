"""What only the user of this process may read: the data folder, and the key of an instance that was given none."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

OWNER_ONLY = 0o077  # as a umask: files are 0600 and folders 0700


def private_folder(folder: Path) -> None:
    """Make the data folder its owner's alone, with what an earlier release left open in it: database, key and mail."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder, *folder.glob("*.sqlite3*"), folder / "secret_key", folder / "mail", *folder.glob("mail/*")):
        # A volume may belong to somebody else, who decides; `check --deploy` tells of it.
        with contextlib.suppress(OSError):
            if path.stat().st_mode & OWNER_ONLY:
                path.chmod(path.stat().st_mode & ~OWNER_ONLY)


def local_secret_key(data_dir: Path) -> str:
    """The key kept beside the data, made on first use, whole or not at all: two processes may start at once."""
    path = data_dir / "secret_key"
    if not path.exists():
        descriptor, made = tempfile.mkstemp(dir=data_dir, prefix="secret_key-")
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):
            os.link(made, path)
        Path(made).unlink()
    return path.read_text()
