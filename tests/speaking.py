"""A server on this machine that speaks the protocol of ElevenLabs, with the errors that it is known to answer."""

import base64
import json
import re

import numpy as np
import pytest
from werkzeug import Response

from workers.engines.voice import elevenlabs

RACHEL, KLAUS = "21m00Tcm4TlvDq8ikWAM", "Kx9aaaaaaaaaaaaaaaaa"


def listed(voice_id, name, **labels):
    return {"voice_id": voice_id, "name": name, "category": "premade", "labels": labels, "description": None}


VOICES = [
    listed(
        RACHEL, "Rachel - calm", gender="female", age="young", accent="american", language="en", use_case="narration"
    ),
    listed(KLAUS, "Klaus", gender="male", age="middle_aged", accent="standard", language="de"),
]
MODELS = [
    {"model_id": "eleven_multilingual_v2", "languages": [{"language_id": "en", "name": "English"}]},
    {
        "model_id": "eleven_flash_v2_5",
        "languages": [{"language_id": code, "name": code} for code in ("en", "de", "ar", "hu")],
    },
]


class Service:
    """The service: `voices` of the account, `troubles` it answers with before it speaks, and what it was asked.

    `spoken` replaces parts of what it answers with a sound; `away` has it answer nothing but 503.
    """

    def __init__(self, server):
        self.voices, self.troubles, self.asked, self.made = list(VOICES), [], [], []
        self.used, self.aligned, self.away, self.spoken = 120, True, False, {}
        server.expect_request("/v2/voices").respond_with_handler(self.search)
        server.expect_request("/v1/models").respond_with_handler(self.answer(lambda request: MODELS))
        server.expect_request("/v1/user/subscription").respond_with_handler(self.answer(self.subscription))
        server.expect_request("/v1/voices/add", method="POST").respond_with_handler(
            self.answer(lambda request: self.add(request))
        )
        mine = re.compile(r"/v1/voices/new\d*")
        server.expect_request(mine, method="DELETE").respond_with_handler(self.answer(self.delete))
        for known in (RACHEL, KLAUS):
            server.expect_request(f"/v1/text-to-speech/{known}/with-timestamps").respond_with_handler(
                self.answer(self.speak)
            )

    def answer(self, make):
        def handler(request):
            self.asked.append(request)
            if self.away:
                return refused(503)
            if request.headers.get("xi-api-key") != "right":
                return refused(401, "invalid_api_key")
            if self.troubles and request.path not in ("/v1/models", "/v2/voices"):
                return self.troubles.pop(0)
            return Response(json.dumps(make(request)), content_type="application/json")

        return handler

    def search(self, request):
        at = int(request.args.get("next_page_token", 0))
        page = {"voices": self.voices[at : at + 1], "has_more": at + 1 < len(self.voices), "total_count": 2}
        return self.answer(lambda _: page | {"next_page_token": str(at + 1)})(request)

    def subscription(self, request):
        return {
            "tier": "starter", "character_count": self.used, "character_limit": 30_000, "voice_slots_used": 1,
            "can_extend_character_limit": False, "allowed_to_extend_character_limit": False, "voice_limit": 10,
            "professional_voice_slots_used": 0, "max_credit_limit_extension": 0, "status": "active",
        }  # fmt: skip

    def speak(self, request):
        body = json.loads(request.data)
        self.made.append(body | {"format": request.args["output_format"]})
        said = body["text"]
        times = [at * 0.05 for at in range(len(said) + 1)]
        sound = (0.3 * np.sin(np.arange(round(times[-1] * 24_000)) / 20) * 32767).astype("<i2")
        alignment = {
            "characters": list(said),
            "character_start_times_seconds": times[:-1],
            "character_end_times_seconds": times[1:],
        }
        return {
            "audio_base64": base64.b64encode(sound.tobytes()).decode(),
            "alignment": alignment if self.aligned else None,
        } | self.spoken

    def add(self, request):
        self.made.append({"name": request.form["name"], "files": len(request.files.getlist("files"))})
        known = sum(one["category"] == "cloned" for one in self.voices)
        voice_id, labels = f"new{known or ''}", json.loads(request.form.get("labels") or "null") or {}
        self.voices.insert(0, listed(voice_id, request.form["name"], language="en", **labels) | {"category": "cloned"})
        return {"voice_id": voice_id, "requires_verification": False}

    def delete(self, request):
        self.voices = [one for one in self.voices if one["voice_id"] != request.path.rpartition("/")[2]]
        return {"status": "ok"}


def refused(number, status="", **headers):
    detail = {"status": status, "message": "No."} if status else [{"loc": ["body"], "msg": "No."}]
    return Response(json.dumps({"detail": detail}), status=number, headers=headers, content_type="application/json")


@pytest.fixture
def service(httpserver, monkeypatch):
    monkeypatch.setenv("CINEVIVID_VOICE_ENGINE", "elevenlabs")
    monkeypatch.setenv("ELEVENLABS_API_KEY", "right")
    monkeypatch.setenv("ELEVENLABS_BASE_URL", httpserver.url_for("").rstrip("/"))
    monkeypatch.setattr(elevenlabs, "BACKOFF", 0.001)
    elevenlabs.forget()
    yield Service(httpserver)
    elevenlabs.forget()
