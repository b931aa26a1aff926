"""What the hub has of the toy's model."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from tests.media import BLUE, GREEN, RED, WHITE

REPO, MODEL = "toys/tesserae-1", "tesserae-1"


def repository(folder: Path) -> Path:
    """Write a repository with the model, and with a file that nobody needs."""
    folder.mkdir()
    (folder / "mosaic.json").write_text(json.dumps({"colours": 4}))
    (folder / "README.md").write_text("# Tesserae")
    save_file({"colours": np.array([RED, GREEN, BLUE, WHITE], np.uint8)}, folder / "colours.safetensors")
    return folder
