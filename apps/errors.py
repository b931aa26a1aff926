"""The error catalogue: every way in which CineVivid says no, with its HTTP status, sentence and way out.

Nothing else reaches a user: pages, the API and job cards all show a row of this table.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of error. `title` says what happened, `advice` what to do next."""

    code: str
    status: int
    title: str
    advice: str


CATALOGUE: dict[str, Entry] = {
    entry.code: entry
    for entry in (
        # who you are
        Entry("authentication_required", 401, "You are not signed in.", "Sign in, or send an API token."),
        Entry("invalid_token", 401, "This API token is unknown or revoked.", "Make a new token on your account page."),
        Entry("permission_denied", 403, "Your account may not do this.", "Ask the operator for access."),
        Entry("account_closed", 403, "This account is closed.", "Write to the operator if that is a mistake."),
        Entry(
            "last_superuser",
            409,
            "This is the last account that may do everything.",
            "Make another account a superuser first.",
        ),
        Entry(
            "password_changed",
            409,
            "The password was changed a moment ago.",
            "Sign in with the new one, or ask for another link.",
        ),
        Entry("csrf_failed", 403, "This form has expired.", "Reload the page and send it again."),
        # what you asked for
        Entry("not_found", 404, "There is nothing here.", "Check the address, or look in your library."),
        Entry(
            "method_not_allowed", 405, "This address does not take that method.", "See the API page for what it takes."
        ),
        Entry("not_acceptable", 406, "There is no answer in that format.", "Accept application/json."),
        Entry("invalid_request", 400, "The request could not be read.", "Check that the body is valid JSON."),
        Entry("invalid_header", 400, "A header of the request cannot be used.", "See the API page for what it takes."),
        Entry("unsupported_media_type", 415, "This content type is not understood.", "Send JSON or a multipart form."),
        Entry("validation_failed", 422, "Some fields need another value.", "Each field says what it needs."),
        Entry("invalid_frames", 422, "This length cannot be made.", "Choose one of the nearest lengths named."),
        Entry("invalid_file", 422, "This file could not be read.", "Open it in another program and save it again."),
        Entry(
            "body_too_large", 413, "This request is too large.", "Send less at once; see the API page for the limits."
        ),
        Entry("request_timeout", 408, "The request did not arrive in time.", "Send it again, over a faster line."),
        Entry("file_too_large", 413, "This file is too large.", "Make it smaller and upload it again."),
        Entry(
            "input_missing",
            409,
            "Something that this begins with is not in your library any more.",
            "Bring it back, or choose another one.",
        ),
        Entry(
            "asset_of_job", 409, "This file belongs to the job that made it.", "Delete the job; its files go with it."
        ),
        Entry(
            "upscale_refused", 422, "This cannot be made larger as asked.", "Choose the size that the sentence names."
        ),
        Entry("duplicate_request", 409, "This key was used for a different request.", "Send a new Idempotency-Key."),
        Entry("wrong_state", 409, "The job has moved on, so this no longer applies.", "Reload to see where it is now."),
        # what you may spend
        Entry("insufficient_credits", 402, "Your wallet has too few credits.", "Ask for something smaller or shorter."),
        Entry(
            "too_many_jobs",
            429,
            "Too many of your jobs are waiting or at work.",
            "Wait for one to finish, or cancel one.",
        ),
        Entry(
            "storage_full",
            409,
            "Your share of the storage is full.",
            "Delete what you no longer need, then empty the trash in your library.",
        ),
        Entry("rate_limited", 429, "Too many requests.", "Wait a moment and try again."),
        # what went wrong while making it
        Entry("generation_failed", 500, "This could not be made.", "Try again; if it happens twice, change the seed."),
        Entry(
            "prerequisite_failed",
            409,
            "Another job, which this one was to begin with, was not made.",
            "Make that one again, then this one.",
        ),
        Entry("generation_timeout", 504, "Making this took too long.", "Ask for something shorter, or fewer steps."),
        Entry("worker_lost", 500, "The worker making this stopped too often.", "Try again in a few minutes."),
        Entry(
            "memory_short",
            507,
            "This needs more memory than the card has.",
            "Make it smaller, or its windows shorter.",
        ),
        Entry("rank_lost", 500, "One of the GPUs that shared this job stopped.", "Try again, or without several GPUs."),
        Entry(
            "ranks_unfit", 409, "This job cannot be shared among so many GPUs.", "Tell the operator which number fits."
        ),
        Entry(
            "ranks_too_many",
            409,
            "More GPUs were to share this job than there are.",
            "The operator sets CINEVIVID_RANKS.",
        ),
        Entry(
            "ranks_not_started",
            500,
            "The GPUs that were to share this job did not start.",
            "Try again, or without several GPUs.",
        ),
        Entry(
            "ranks_backend",
            500,
            "The GPUs of this studio cannot share a job as they are set up.",
            "The operator sets CINEVIVID_SEQUENCE_PARALLEL.",
        ),
        Entry("out_of_memory", 507, "The card ran out of memory.", "Ask for something smaller or shorter."),
        Entry(
            "model_not_ready",
            503,
            "The model is not ready on this machine.",
            "Wait until it is loaded, or choose another.",
        ),
        # the models of this studio, on the page of its staff
        Entry("model_unknown", 404, "There is no model of this name.", "Choose one of the list."),
        Entry("model_unreleased", 409, "Its makers have not released this model.", "Choose one that is released."),
        Entry("model_builtin", 409, "This model is part of the software.", "It is always here."),
        Entry("model_absent", 409, "This model is not on this machine.", "Download it first."),
        Entry("model_busy", 409, "This model is being worked on already.", "Wait for it, or cancel it."),
        Entry(
            "model_needed", 409, "Jobs that wait or are being made need this model.", "Wait for them, or cancel them."
        ),
        Entry("model_in_use", 409, "The studio works with this model.", "Choose another engine first."),
        Entry("model_broken", 500, "The model's files are damaged.", "The operator repairs it on the page Models."),
        Entry("disk_full", 507, "The disk of the models is too full.", "Remove a model that is not used."),
        Entry(
            "folder_unwritable",
            500,
            "The models' folder cannot be written to.",
            "Give this process the right to write there, or set CINEVIVID_MODELS to another folder.",
        ),
        Entry("download_interrupted", 503, "The download was interrupted.", "Start it again: it goes on where it was."),
        Entry("hash_mismatch", 502, "A file is not what the hub promised.", "Download again: it is fetched anew."),
        Entry("token_missing", 403, "The hub wants to know who asks.", "Accept the model's terms, and set HF_TOKEN."),
        Entry("repo_missing", 404, "The hub has no such model.", "Check the catalogue and HF_ENDPOINT."),
        Entry("hub_unreachable", 503, "The model hub did not answer.", "Check the network, or try again later."),
        Entry(
            "unavailable",
            503,
            "The studio cannot answer right now.",
            "Try again in a minute. What was started is not lost.",
        ),
        Entry("external_service", 503, "A service that this tool needs did not answer.", "Try again in a few minutes."),
        Entry(
            "storage_failed",
            507,
            "What was made could not be saved.",
            "Try again; the operator has to free some space.",
        ),
        Entry("studio_busy", 503, "The studio is busy.", "Try again in a few seconds."),
        Entry(
            "maintenance", 503, "The studio is closed for maintenance.", "What is being made goes on. Come back soon."
        ),
        Entry("configuration", 500, "This studio is not set up for that.", "Tell the operator which tool you used."),
        Entry(
            "internal_error",
            500,
            "Something broke on our side.",
            "Try again in a minute. Your library shows what was started.",
        ),
    )
}


class StudioError(Exception):
    """An error with a row in the catalogue. `message` is public; `details` are numbers for a program to read."""

    code = "internal_error"

    def __init__(self, message: str = "", *, code: str = "", **details: Any) -> None:
        self.code = code or self.code
        self.entry = CATALOGUE[self.code]
        self.message = message or self.entry.title
        self.details = details
        super().__init__(self.message)

    @property
    def status(self) -> int:
        return self.entry.status

    @property
    def public_text(self) -> str:
        """What happened and what to do, in one line."""
        return f"{self.message} {self.entry.advice}"


def problem(code: str, message: str = "", **extra: Any) -> dict[str, Any]:
    """The one JSON shape of an error (RFC 9457 problem details plus a stable `code`)."""
    entry = CATALOGUE[code]
    return {
        "type": "about:blank",
        "title": entry.title,
        "status": entry.status,
        "detail": message or entry.title,
        "code": code,
        "advice": entry.advice,
        **extra,
    }
