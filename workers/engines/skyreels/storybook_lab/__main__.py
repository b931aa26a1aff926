"""Command line of the storybook workshop.

``train`` goes through all stages and on from where it stopped: the autoencoder until it is good enough or its schedule
ends, the text encoder, the transformer, and the diffusers folder. In an empty directory it goes on with the weights
that were shipped or begun, unless it is to begin ``--anew``. ``vae`` trains the autoencoder alone, ``measure`` tells
its quality on held-out clips, ``sheet`` draws the world, ``export`` only writes the folder, and ``evaluate`` reads what
the folder makes of sentences that training never saw.
"""

from __future__ import annotations

import argparse
import functools
import logging
import os
import random
import shutil
import sys
from pathlib import Path

import torch

from ..nano_lab.export import unpack
from ..nano_lab.train import Trainer
from . import captions, evaluate, export, paint, samples, vae
from .transformer import LAYERS

log = logging.getLogger("storybook")


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="storybook", description=__doc__)
    commands = ("train", "vae", "measure", "sheet", "export", "evaluate")
    parser.add_argument("command", nargs="?", default="train", choices=commands)
    parser.add_argument("--folder", type=Path, default=Path("var/storybook"), help="where training keeps its state")
    parser.add_argument("--model", type=Path, help="diffusers folder to write; by default in the training's folder")
    parser.add_argument("--anew", action="store_true", help="begin without weights")
    parser.add_argument("--vae-steps", type=int, default=6000, help="length of the autoencoder's schedule")
    parser.add_argument("--minutes", type=float, default=720, help="length of the transformer's schedule")
    parser.add_argument("--until", type=float, help="stop a stage after this many minutes of this run")
    parser.add_argument("--fresh", type=int, default=1000, help="clips drawn before the transformer's first step")
    parser.add_argument("--layers", type=int, default=LAYERS, help="blocks of the transformer; it can grow")
    parser.add_argument("--pause-file", type=Path, help="wait between steps while this file exists")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--bfloat16", action="store_true", help="faster with AVX-512 BF16 or AMX, slower without")
    parser.add_argument("--device", default="cpu", help="cuda trains on a graphics card")
    parser.add_argument("--batch", type=int, default=vae.BATCH, help="squares of a step of the autoencoder")
    parser.add_argument("--draw", type=int, default=0, help="processes that draw all samples before the first step")
    parser.add_argument("--count", type=int, default=200, help="clips of every mode that is evaluated")
    parser.add_argument("--modes", nargs="+", default=list(evaluate.MODES), choices=list(evaluate.MODES))
    parser.add_argument("--eager", action="store_true", help="do without torch.compile")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    root, model = options.folder, options.model or options.folder / "model"
    root.mkdir(parents=True, exist_ok=True)
    if options.command == "sheet":
        rng = random.Random(options.seed)
        paint.sheet([captions.sample_told(rng)[0] for _ in range(64)], 8).save(root / "sheet.png")
    elif options.command == "measure":
        found = vae.quality(vae.load(root / "vae.pt"), vae.held_out_clips(24, 21))
        log.info("24 held-out clips: %.2f dB whole, %.2f around figures, %.2f the worst", *found)
    elif options.command == "evaluate":
        for mode in options.modes:
            scores = evaluate.measure(model, mode, options.count, options.seed + 1)
            log.info("%s, n = %d: %s", mode, options.count, "  ".join(f"{k} {v:.3f}" for k, v in scores.items()))
    elif options.command in ("train", "vae"):
        here = [folder for folder in (export.SHIPPED, export.BEGUN) if folder.exists()]
        if here and not options.anew:
            unpack(here[0], root, options.vae_steps)
        done = vae.train(
            root,
            options.vae_steps,
            options.seed,
            options.pause_file,
            options.until,
            batch=options.batch,
            device=options.device,
            half=options.bfloat16 and options.device != "cpu",
            processes=options.draw,
        )
        if not done or options.command == "vae":
            return 0
        trainer = Trainer(
            root,
            options.minutes,
            options.seed,
            options.fresh,
            layers=options.layers,
            half=options.bfloat16,
            lab=functools.partial(
                samples.storybook, clips=options.fresh, processes=options.draw, device=options.device
            ),
            device=options.device,
        )
        compiled = not options.eager and shutil.which(os.environ.get("CXX") or "g++") is not None
        trainer.run(options.until, compiled, options.pause_file)
    if options.command in ("train", "export"):
        log.info("exported %.1f MB to %s", export.export(root, model) / 1e6, model)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
