"""The error catalogue: every way in which CineVivid says no, with its HTTP status, sentence and way out.

Nothing else reaches a user: pages, the API and job cards all show a row of this table.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of error. `title` says what happened, `advice` what to do next."""

    code: str
    status: int
    title: "StrOrPromise"
    advice: "StrOrPromise"


CATALOGUE: dict[str, Entry] = {
    entry.code: entry
    for entry in (
        # who you are
        Entry("authentication_required", 401, _("You are not signed in."), _("Sign in, or send an API token.")),
        Entry(
            "invalid_token",
            401,
            _("This API token is unknown or revoked."),
            _("Create a new token on your account page."),
        ),
        Entry(
            "permission_denied", 403, _("Your account is not allowed to do this."), _("Ask the operator for access.")
        ),
        Entry("account_closed", 403, _("This account is closed."), _("Write to the operator if that is a mistake.")),
        Entry(
            "last_superuser",
            409,
            _("This is the only administrator account left."),
            _("Make another account a superuser first."),
        ),
        Entry(
            "password_changed",
            409,
            _("Your password was changed a moment ago."),
            _("Sign in with the new one, or ask for another link."),
        ),
        Entry("csrf_failed", 403, _("This form has expired."), _("Reload the page and send it again.")),
        # what you asked for
        Entry("not_found", 404, _("There is nothing here."), _("Check the address, or look in your library.")),
        Entry(
            "method_not_allowed",
            405,
            _("This address does not accept that method."),
            _("See the API page for what it accepts."),
        ),
        Entry("not_acceptable", 406, _("There is no answer in that format."), _("Accept application/json.")),
        Entry("invalid_request", 400, _("The request could not be read."), _("Check that the body is valid JSON.")),
        Entry(
            "invalid_header",
            400,
            _("A header of the request cannot be used."),
            _("See the API page for what it accepts."),
        ),
        Entry(
            "unsupported_media_type", 415, _("This content type is not supported."), _("Send JSON or a multipart form.")
        ),
        Entry("validation_failed", 422, _("Some fields need another value."), _("Each field says what it needs.")),
        Entry("invalid_frames", 422, _("This length is not possible."), _("Choose one of the lengths suggested.")),
        Entry(
            "invalid_file", 422, _("This file could not be read."), _("Open it in another program and save it again.")
        ),
        Entry(
            "body_too_large",
            413,
            _("This request is too large."),
            _("Send less at once; see the API page for the limits."),
        ),
        Entry("request_timeout", 408, _("The request did not arrive in time."), _("Try again on a faster connection.")),
        Entry("file_too_large", 413, _("This file is too large."), _("Make it smaller and upload it again.")),
        Entry(
            "input_missing",
            409,
            _("A file that this needs is no longer in your library."),
            _("Restore it, or choose another one."),
        ),
        Entry(
            "asset_of_job",
            409,
            _("This file belongs to the job that made it."),
            _("Delete the job; its files go with it."),
        ),
        Entry("upscale_refused", 422, _("This cannot be enlarged to that size."), _("Choose the size suggested.")),
        Entry(
            "preset_gone",
            409,
            _("This preset needs something that is not here."),
            _("Choose another one, or edit it."),
        ),
        Entry("voice_gone", 404, _("This voice is no longer there."), _("Choose another voice.")),
        Entry("voice_unavailable", 409, _("This voice cannot be used by this studio."), _("Choose another voice.")),
        Entry(
            "language_not_spoken",
            422,
            _("This voice does not speak that language."),
            _("Choose a voice that does, or another language."),
        ),
        Entry("text_not_speakable", 422, _("This text cannot be spoken."), _("Change the text as the field says.")),
        Entry("text_too_long", 422, _("This text is too long."), _("Shorten it, or speak it in parts.")),
        Entry(
            "no_face", 422, _("No face is seen here."), _("Choose a video or a picture in which a face can be seen.")
        ),
        Entry(
            "face_small",
            422,
            _("This face is too small for its mouth to be seen."),
            _("Choose a video or a picture in which it is nearer."),
        ),
        Entry(
            "face_turned",
            422,
            _("This face looks too far to the side."),
            _("Choose a video or a picture in which it looks at the camera."),
        ),
        Entry("several_faces", 422, _("Several faces are seen here."), _("Pick the one that speaks.")),
        Entry(
            "consent_withdrawn",
            409,
            _("The consent to use this face or voice was withdrawn."),
            _("Choose another file, or allow it again under Uploads in your library."),
        ),
        Entry("no_speech", 422, _("Nothing is spoken in this sound."), _("Choose a sound in which somebody speaks.")),
        Entry(
            "voice_not_cloned",
            422,
            _("No voice could be made from these recordings."),
            _("Send one to three minutes of one person's clear speech."),
        ),
        Entry(
            "duplicate_request", 409, _("This key was used for a different request."), _("Send a new Idempotency-Key.")
        ),
        Entry(
            "wrong_state",
            409,
            _("The job has moved on, so this no longer applies."),
            _("Reload to see where it is now."),
        ),
        # what you may spend
        Entry(
            "insufficient_credits", 402, _("You do not have enough credits."), _("Choose something smaller or shorter.")
        ),
        Entry(
            "not_in_plan",
            402,
            _("Your plan does not have this."),
            _("Choose less of it, or another plan."),
        ),
        Entry(
            "payments_off",
            409,
            _("This studio takes no payments."),
            _("Ask its operator, who grants credits."),
        ),
        Entry(
            "payments_away",
            503,
            _("The payment service does not answer."),
            _("Nothing was charged. Try again in a few minutes."),
        ),
        Entry(
            "payment_refused",
            409,
            _("This cannot be paid for here."),
            _("Choose something else, or write to the operator."),
        ),
        Entry(
            "card_refused",
            402,
            _("Your card was refused."),
            _("Nothing has changed. Give another card on the billing page, then try again."),
        ),
        Entry(
            "card_needs_action",
            402,
            _("Your bank wants you to confirm this payment."),
            _("Keep your plan on the billing page, or give the card again there, which asks the bank. Then try again."),
        ),
        Entry(
            "payment_overdue",
            402,
            _("A payment for your plan is overdue."),
            _("Pay it, or give another card, on the billing page."),
        ),
        Entry(
            "plan_exists",
            409,
            _("You have a plan already."),
            _("Change it on the billing page."),
        ),
        Entry(
            "plan_changed",
            409,
            _("Your plan is not what it was when this page was loaded."),
            _("Look at the billing page, then choose again."),
        ),
        Entry(
            "plan_changing",
            409,
            _("Another change of your plan is on its way."),
            _("Wait a moment, then look at the billing page."),
        ),
        Entry(
            "too_many_jobs",
            429,
            _("You have too many jobs waiting or running."),
            _("Wait for one to finish, or cancel one."),
        ),
        Entry(
            "storage_full",
            409,
            _("Your storage is full."),
            _("Delete what you no longer need, then empty the trash in your library."),
        ),
        Entry("rate_limited", 429, _("Too many requests."), _("Wait a moment and try again.")),
        # what went wrong while making it
        Entry(
            "generation_failed", 500, _("This could not be made."), _("Try again; if it fails twice, change the seed.")
        ),
        Entry(
            "prerequisite_failed",
            409,
            _("Another job that this one needs was not made."),
            _("Make that one first, then try again."),
        ),
        Entry(
            "generation_timeout", 504, _("This took too long to make."), _("Choose a shorter length, or fewer steps.")
        ),
        Entry(
            "worker_lost",
            500,
            _("The studio was interrupted too often while making this."),
            _("Try again in a few minutes."),
        ),
        Entry(
            "engine_lost",
            500,
            _("The engine stopped before it was done."),
            _("Try again. If it stops again, the operator finds the cause in the worker's log."),
        ),
        Entry(
            "memory_short",
            507,
            _("This needs more memory than the GPU has."),
            _("Choose a smaller size, or shorter windows."),
        ),
        Entry(
            "rank_lost",
            500,
            _("One of the GPUs that shared this job stopped."),
            _("Try again, or without several GPUs."),
        ),
        Entry(
            "ranks_unfit",
            409,
            _("This job cannot be shared among that many GPUs."),
            _("Tell the operator which number fits."),
        ),
        Entry(
            "ranks_too_many",
            409,
            _("This job asks for more GPUs than there are."),
            _("The operator sets CINEVIVID_RANKS."),
        ),
        Entry(
            "ranks_not_started",
            500,
            _("The GPUs for this job did not start."),
            _("Try again, or without several GPUs."),
        ),
        Entry(
            "ranks_backend",
            500,
            _("The GPUs of this studio cannot share a job as they are set up."),
            _("The operator sets CINEVIVID_SEQUENCE_PARALLEL."),
        ),
        Entry(
            "card_lost",
            500,
            _("The GPU of this worker stopped."),
            _("Try again. If it stops again, the operator finds the cause in the worker's log."),
        ),
        Entry(
            "attention_unknown",
            500,
            _("The attention kernels of this studio cannot be used as they are set up."),
            _("The operator sets CINEVIVID_ATTENTION."),
        ),
        Entry("out_of_memory", 507, _("The GPU ran out of memory."), _("Choose something smaller or shorter.")),
        Entry(
            "model_not_ready",
            503,
            _("The model is not ready on this machine."),
            _("Wait until it is loaded, or choose another."),
        ),
        # the models of this studio, on the page of its staff
        Entry("model_unknown", 404, _("There is no model with this name."), _("Choose one from the list.")),
        Entry(
            "model_unreleased", 409, _("Its makers have not released this model."), _("Choose one that is released.")
        ),
        Entry("model_builtin", 409, _("This model is part of the software."), _("It is always here.")),
        Entry("model_absent", 409, _("This model is not on this machine."), _("Download it first.")),
        Entry(
            "model_busy", 409, _("This model is already being downloaded or checked."), _("Wait for it, or cancel it.")
        ),
        Entry(
            "model_needed",
            409,
            _("Jobs that are waiting or running need this model."),
            _("Wait for them, or cancel them."),
        ),
        Entry("model_in_use", 409, _("The studio is using this model."), _("Choose another engine first.")),
        Entry(
            "model_broken",
            500,
            _("The model's files are damaged."),
            _("The operator can repair it on the page Models."),
        ),
        Entry(
            "disk_full", 507, _("There is not enough disk space for models."), _("Remove a model that you do not use.")
        ),
        Entry(
            "folder_unwritable",
            500,
            _("The models folder cannot be written to."),
            _("Give this process the right to write there, or set CINEVIVID_MODELS to another folder."),
        ),
        Entry(
            "download_interrupted",
            503,
            _("The download was interrupted."),
            _("Start it again: it continues where it stopped."),
        ),
        Entry("hash_mismatch", 502, _("A downloaded file is not what the hub promised."), _("Download it again.")),
        Entry(
            "token_missing",
            403,
            _("The hub needs to know who you are."),
            _("Accept the model's terms, and set HF_TOKEN."),
        ),
        Entry("repo_missing", 404, _("The hub has no such model."), _("Check the catalogue and HF_ENDPOINT.")),
        Entry("hub_unreachable", 503, _("The model hub did not answer."), _("Check the network, or try again later.")),
        Entry(
            "unavailable",
            503,
            _("The studio cannot answer right now."),
            _("Try again in a minute. Your jobs are not lost."),
        ),
        Entry(
            "external_service",
            503,
            _("A service that this tool needs did not answer."),
            _("Try again in a few minutes."),
        ),
        Entry(
            "voice_quota",
            503,
            _("The voice service's quota is used up."),
            _("Choose an offline voice, or ask the operator to raise the quota."),
        ),
        Entry("voice_provider_busy", 503, _("The voice service is busy."), _("Try again in a minute.")),
        Entry(
            "voice_provider_refused",
            502,
            _("The voice service refused this text."),
            _("Change the text, or choose another voice."),
        ),
        Entry(
            "voice_provider_key",
            500,
            _("The voice service does not accept this studio's key."),
            _("The operator sets ELEVENLABS_API_KEY."),
        ),
        Entry(
            "storage_failed",
            507,
            _("The result could not be saved."),
            _("Try again; if it fails again, ask the operator to free some space."),
        ),
        Entry("studio_busy", 503, _("The studio is busy."), _("Try again in a few seconds.")),
        Entry(
            "maintenance", 503, _("The studio is closed for maintenance."), _("Your jobs keep running. Come back soon.")
        ),
        Entry(
            "configuration", 500, _("This studio is not set up for that."), _("Tell the operator which tool you used.")
        ),
        Entry(
            "internal_error",
            500,
            _("Something went wrong on our side."),
            _("Try again in a minute. Your library shows what was started."),
        ),
    )
}


class StudioError(Exception):
    """An error with a row in the catalogue. `message` is public; `details` are numbers for a program to read."""

    code = "internal_error"

    def __init__(self, message: str = "", *, code: str = "", **details: Any) -> None:
        self.code = code or self.code
        self.entry = CATALOGUE[self.code]
        self.message = message or str(self.entry.title)
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
        "title": str(entry.title),
        "status": entry.status,
        "detail": message or str(entry.title),
        "code": code,
        "advice": str(entry.advice),
        **extra,
    }
