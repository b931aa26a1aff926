"""Run every example of the API page on a studio of its own, and keep the answers: `make api-examples`."""

import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SITE = "http://localhost:8000"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="cinevivid-examples-") as folder:
        os.environ |= {"CINEVIVID_DATA_DIR": folder, "SITE_URL": SITE, "REDIS_URL": "", "DATABASE_URL": ""}
        os.environ |= {"DJANGO_SETTINGS_MODULE": "cinevivid.settings", "LOG_LEVEL": "WARNING", "MAX_ACTIVE_JOBS": "50"}
        import django

        django.setup()
        from django.core.management import call_command

        from apps.reference.examples import ANSWERS

        call_command("migrate", verbosity=0)
        found = Recorder().record()
        ANSWERS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{len(found)} answers, {ANSWERS.stat().st_size:,} bytes: {ANSWERS}")
    return 0


def picture(shade: int = 30) -> bytes:
    """Return a red square on the blue of nano's world, as PNG. Another shade is another file."""
    pixels = np.full((64, 96, 3), (60, 120, 220), np.uint8)
    pixels[20:44, 36:60] = (220, shade, 30)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Recorder:
    """A person with a token, a film, and whatever the examples begin with."""

    def __init__(self) -> None:
        from rest_framework.test import APIClient

        from apps.accounts.models import ApiToken, User
        from apps.billing import services as billing

        self.user = User.objects.create_user("maya@example.org", name="Maya")
        billing.grant(self.user, 300, "welcome")
        self.client = APIClient(HTTP_HOST=SITE.removeprefix("http://"))
        self.token = ApiToken.objects.issue(self.user, "examples")[1]
        self.shade = 30
        self.film = self.made()

    def record(self) -> dict[str, Any]:
        from apps.reference.examples import SITE as STANDS_FOR
        from apps.reference.examples import examples
        from apps.reference.views import document

        operations = [
            (operation["operationId"], method, path)
            for path, methods in document("", SITE, ()).get("paths", {}).items()
            for method, operation in methods.items()
        ]
        answers = {}
        for name, method, path in sorted(operations, key=lambda found: (found[1] == "delete", "empty" in found[0])):
            for place, example in enumerate(examples(name)):
                answer = self.send(method, path, example)
                assert answer.status_code == example.status, (name, place, getattr(answer, "content", answer))
                print(f"{answer.status_code} {method} {path}: {example.title}", flush=True)
                if not example.saved and answer.content:
                    answers[f"{name}/{place}"] = json.loads(answer.content.decode().replace(SITE, STANDS_FOR))
        return dict(sorted(answers.items()))

    def send(self, method: str, path: str, example: Any) -> Any:
        id = example.id or (self.id(example.given) if example.given else "")
        filled = json.loads(json.dumps(example.body).replace("$JOB_ID", id))
        secret = self.token if example.token.startswith("$") else example.token
        headers = {"Authorization": f"Bearer {secret}", **example.headers}
        where = path.replace("{id}", id) + (f"?{example.query}" if example.query else "")
        if example.form is None:
            body = {} if example.body is None else {"data": filled, "format": "json"}
            return getattr(self.client, method)(where, headers=headers, **body)
        form = {}
        for field, value in example.form.items():
            form[field] = id if value.startswith("$") else value
            if value.startswith("@"):
                form[field] = io.BytesIO(picture() if value.endswith(".png") else b"Buy milk.\n")
                form[field].name = value[1:]
        return getattr(self.client, method)(where, form, format="multipart", headers=headers)

    def id(self, given: str) -> str:
        """Return the id of something in the state that an example begins with."""
        if given == "queued":
            return str(self.start()["id"])
        if given in ("cancelled", "trashed"):
            address = f"/api/v1/generations/{self.start()['id']}/"
            headers = {"Authorization": f"Bearer {self.token}"}
            job = self.client.post(f"{address}cancel/", headers=headers).json()
            if given == "trashed":
                self.client.delete(address, headers=headers)
            return str(job["id"])
        if given == "finished":
            return str(self.film["id"])
        if given == "made":
            return str(self.film["assets"][0]["id"])
        if given == "face":
            from scripts.faces import small_clip

            with tempfile.TemporaryDirectory() as folder:
                path = small_clip(Path(folder) / "somebody.mp4")
                headers = {"Authorization": f"Bearer {self.token}"}
                with path.open("rb") as clip:
                    sent = self.client.post("/api/v1/assets/", {"file": clip}, format="multipart", headers=headers)
            return str(sent.json()["id"])
        if given == "uploaded":
            self.shade += 1
            file = io.BytesIO(picture(self.shade))
            file.name = "picture.png"
            headers = {"Authorization": f"Bearer {self.token}"}
            return str(
                self.client.post("/api/v1/assets/", {"file": file}, format="multipart", headers=headers).json()["id"]
            )
        if given.endswith("preset"):
            from django.utils import timezone

            from apps.tools.models import Preset

            deleted_at = timezone.now() if given.startswith("deleted") else None
            told = {"words": "at dusk", "params": {"quality": 50}, "deleted_at": deleted_at}
            return str(Preset.objects.create(user=self.user, name="Dusk", tool="text2image", **told).pk)
        assert given == "group", given
        from apps.tools import registry, services
        from apps.tools.video_form import VideoForm

        planned = []
        for prompt in ("a red circle moves right", "a blue star grows"):
            form = VideoForm({"prompt": prompt, "num_frames": 33, "style": "realistic"}, user=self.user)
            assert form.is_valid(), form.errors
            planned.append(services.Planned(registry.get("to-video"), form.params))
        return str(services.submit_group(self.user, "batch", "Two shapes", planned).pk)

    def start(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        body = {"prompt": "a red circle moves right over the sea", "num_frames": 33, "seed": 7}
        answer = self.client.post("/api/v1/tools/to-video/", body, format="json", headers=headers)
        assert answer.status_code == 202, answer.content
        return dict(answer.json())

    def made(self) -> dict[str, Any]:
        """Make a film with a worker that is there only for it."""
        import dramatiq

        import workers.actors  # noqa: F401

        job = self.start()
        broker = dramatiq.get_broker()
        broker.emit_after("process_boot")
        worker = dramatiq.Worker(broker, worker_timeout=50, worker_threads=1)
        worker.start()
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            while job["status"] in ("queued", "running"):
                time.sleep(0.5)
                job = self.client.get(f"/api/v1/generations/{job['id']}/", headers=headers).json()
        finally:
            worker.stop()
        assert job["status"] == "succeeded", job
        return dict(job)


if __name__ == "__main__":
    sys.exit(main())
