"""An external engine in miniature: what it is to do, well or badly, is its prompt."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

GRANDCHILD = "import time; time.sleep(600)"


def say(told):
    os.write(1, (json.dumps(told) + "\n").encode())


def main():
    asked = json.loads(sys.stdin.readline())
    how, home = asked["prompt"], Path.cwd()
    Path("asked.json").write_text(json.dumps(asked))
    Path("environment.json").write_text(json.dumps(dict(os.environ)))
    Path("pid").write_text(str(os.getpid()))
    say({"alive": True})
    match how:
        case "good" | "resumed" | "A person is speaking.":  # the last is what it is told by default
            for step in range(1, 5):
                say({"progress": {"stage": "denoising", "step": step, "steps": 4}})
                time.sleep(0.2)
            parts = ["one.mp4", "two.mp4"]
            for part in parts:
                shutil.copy(asked["weights"] + "/film.mp4", part)
            os.write(1, b"a library prints this\n")
            say({"done": parts, "overlap": 1})
        case "parts":  # a part at a time, as long as it is let
            made = []
            for number in range(200):
                part = Path(f"part-{number}.mp4")
                if not part.exists():
                    time.sleep(0.2)
                    shutil.copy(asked["weights"] + "/film.mp4", part)
                made.append(part.name)
                say({"kept": made, "overlap": 1})
                if number == 5 and not Path("again").exists():  # the first time it does not come further
                    Path("again").touch()
                    time.sleep(600)
                if len(made) * 5 >= asked["seconds"] * asked["fps"]:
                    break
            say({"done": made, "overlap": 1})
        case "silent":
            time.sleep(600)
        case "busy":  # alive and never done, deaf to what it is told, with a child that has left its session
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen([sys.executable, "-c", GRANDCHILD], start_new_session=True)
            Path("child").write_text(str(child.pid))
            while True:
                say({"alive": True})
                time.sleep(0.05)
        case "polite":
            say({"progress": {"stage": "denoising", "step": 1, "steps": 4}})
            assert json.loads(sys.stdin.readline()) == {"cancel": True}
            Path("stopped").touch()
        case "talkative":  # says more than anybody can hear
            while True:
                os.write(1, b'{"alive": true}\n' * 2000)
        case "killed":
            say({"progress": {"stage": "denoising", "step": 1, "steps": 4}})
            sys.stderr.write("secret of the engine\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        case "exits":
            sys.exit(0)
        case "garbage":
            os.write(
                1,
                b"\xff\xfe\0\n[]\n{}\n42\n" + b"[" * 60_000 + b'\n{"done": "film.mp4"}\n{"progress": {"step": "x"}}\n',
            )
            shutil.copy(asked["weights"] + "/film.mp4", "film.mp4")
            say({"done": ["film.mp4"]})
        case "huge":
            os.write(1, b'{"done": ["')
            for _ in range(40):
                os.write(1, b"x" * 100_000)
            os.write(1, b'"]}\n')
            shutil.copy(asked["weights"] + "/film.mp4", "film.mp4")
            say({"done": ["film.mp4"]})
        case "endless":
            while True:
                os.write(1, b"x" * 100_000)
        case "loud":  # fills whatever keeps its errors
            for _ in range(200):
                os.write(2, b"warning " * 10_000)
            os.kill(os.getpid(), signal.SIGKILL)
        case "large":
            kept = bytearray(300_000_000)
            kept[::4096] = b"x" * len(kept[::4096])
            while True:
                say({"alive": True})
                time.sleep(0.05)
        case "short":
            say({"failed": "memory_short", "why": "CUDA out of memory at /home/somebody"})
        case "refuses":
            say({"failed": "input_refused", "why": "no face in /home/somebody/portrait.png"})
        case "lingers":  # done, and does not leave
            shutil.copy(asked["weights"] + "/film.mp4", "film.mp4")
            say({"done": ["film.mp4"]})
            time.sleep(600)
        case "closes":  # leaves a child behind that holds its lines
            subprocess.Popen([sys.executable, "-c", GRANDCHILD])
            sys.exit(3)
        case _:  # names a result
            if how.startswith("link:"):
                (home / "film.mp4").symlink_to(how.removeprefix("link:"))
                how = "film.mp4"
            elif how == "pipe":
                os.mkfifo("pipe")
            elif how == "text":
                Path("text").write_text("no film")
            say({"done": [how]})


if __name__ == "__main__":
    main()
