"""Command line of the storybook workshop: ``vae`` trains the autoencoder, on from where it stopped."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

import torch

from . import vae


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="storybook", description=__doc__)
    parser.add_argument("command", choices=("vae",))
    parser.add_argument("--folder", type=Path, default=Path("var/storybook"), help="where training keeps its state")
    parser.add_argument("--vae-steps", type=int, default=16000, help="length of the autoencoder's schedule")
    parser.add_argument("--until", type=float, help="stop after this many minutes of this run")
    parser.add_argument("--pause-file", type=Path, help="wait between steps while this file exists")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    options.folder.mkdir(parents=True, exist_ok=True)
    vae.train(options.folder, options.vae_steps, options.seed, options.pause_file, options.until)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
