"""Command line of the workshop.

``train`` (the default) makes everything that is missing, goes on where it stopped, and exports the folder; ``polish``
trains the autoencoder's decoder, with ``--tie`` its encoder too, and exports; ``export`` only exports; ``unpack`` turns
the shipped folder back into training files; ``evaluate`` measures the shipped folder.
"""

from __future__ import annotations

import argparse
import datetime
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist

from . import export, store, text, vae
from .train import Trainer
from .transformer import LAYERS

# What torch.compile turns its code into programs with.
COMPILER = os.environ.get("CXX") or "g++"
MEETING = "NANO_MEETING"  # file that processes of one training find each other by

log = logging.getLogger("nano")


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    if arguments and arguments[0] == "evaluate":
        from . import evaluate

        return evaluate.main(arguments[1:])
    parser = argparse.ArgumentParser(prog="nano", description=__doc__)
    parser.add_argument("command", nargs="?", default="train", choices=("train", "polish", "export", "unpack"))
    parser.add_argument("--vae-minutes", type=float, default=40, help="length of the autoencoder's schedule")
    parser.add_argument(
        "--minutes", type=float, default=240, help="length of the transformer's schedule, over all runs"
    )
    parser.add_argument("--until", type=float, help="stop the transformer after this many minutes of this run")
    parser.add_argument("--fresh", type=int, default=1000, help="clips drawn before the first step")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--layers", type=int, default=LAYERS, help="blocks of the transformer; it can grow")
    parser.add_argument(
        "--full", type=float, default=0.6, help="part of the schedule that computes a third of the tokens"
    )
    parser.add_argument("--steps", type=int, default=1500, help="of polishing the autoencoder")
    parser.add_argument("--tie", type=float, help="polish the encoder too, held near its former latents this strongly")
    parser.add_argument("--folder", type=Path, default=export.SHIPPED, help="diffusers folder to write, or to unpack")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--processes", type=int, default=1, help="that train the transformer together, a thread each")
    parser.add_argument("--bfloat16", action="store_true", help="faster with AVX-512 BF16 or AMX, slower without")
    parser.add_argument("--eager", action="store_true", help="do without torch.compile")
    options = parser.parse_args(arguments)
    if options.processes > 1 and MEETING not in os.environ:
        return _together(options.processes, [*arguments, "--threads", "1"])
    first = int(os.environ.get("RANK", "0")) == 0
    level = logging.INFO if first else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s")
    if options.processes > 1:
        dist.init_process_group(
            "gloo",
            init_method=f"file://{os.environ[MEETING]}",
            rank=int(os.environ["RANK"]),
            world_size=options.processes,
            timeout=datetime.timedelta(hours=6),
        )
    torch.set_num_threads(options.threads)
    root = store.directory()
    needed = {"polish": ["vae.pt"], "export": ["text.pt", "vae.pt", "transformer.pt"]}.get(options.command, [])
    if missing := [name for name in needed if not (root / name).exists()]:
        parser.error(f"there is no {missing[0]} in {root}: train or unpack first")
    if options.command == "unpack":
        export.unpack(options.folder, root)
        return 0
    if options.command == "polish":
        vae.polish(root / "vae.pt", options.steps, options.seed, options.tie)
    if options.command == "train":
        if first:
            text.train(root / "text.pt", seed=options.seed)
            vae.train(root / "vae.pt", options.vae_minutes, options.seed)
        if options.processes > 1:
            dist.barrier()
        trainer = Trainer(
            root,
            options.minutes,
            options.seed,
            options.fresh,
            options.rate,
            options.full,
            options.layers,
            options.bfloat16,
        )
        compiled = not options.eager and shutil.which(COMPILER) is not None
        if not (compiled or options.eager):
            log.warning("no C++ compiler here (%s): steps take twice as long", COMPILER)
        trainer.run(options.until, compiled)
    if not first:
        return 0
    size = export.export(root, options.folder)
    log.info("exported %.1f MB to %s", size / 1e6, options.folder)
    return 0


def _together(processes: int, arguments: list[str]) -> int:
    # They meet in files and talk on the loopback device: ports that torchrun opens else listen on every address.
    with tempfile.TemporaryDirectory() as place:
        launch = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--local-addr=127.0.0.1"]
        launch += ["--rdzv-backend=c10d", f"--rdzv-endpoint={place}/torchrun"]
        launch += ["--rdzv-conf=store_type=file,keep_alive_interval=86400"]
        # Processes that spin while they wait for each other take the time of those that work.
        env = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
        env |= {"GLOO_SOCKET_IFNAME": "lo", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", MEETING: f"{place}/processes"}
        command = [sys.executable, *launch, "-m", str(__package__), *arguments]
        process = subprocess.Popen(command, env={**os.environ, **env})
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
