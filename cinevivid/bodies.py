"""Bodies of requests: how much may come, from whom and how fast. They go to disk as they arrive.

The headers decide, before the first byte of a body is asked for. A request that is refused goes through the site all
the same, without its body: `RefusedBodyMiddleware` answers it, so the refusal is logged, and looks, like any other.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import Http404
from django.http.response import HttpResponseBase
from django.urls import resolve
from django.utils.translation import gettext as _

from apps.accounts import sessions
from apps.accounts.authentication import bearer
from apps.accounts.models import ApiToken, User
from apps.bodies import to_take_files
from apps.errors import StudioError, problem
from apps.problems import MEDIA_TYPE, of_api

log = structlog.get_logger(__name__)

IN_MEMORY = 64 * 1024  # bytes of a body that are not worth a file
FILES = "multipart/form-data"

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Request(ASGIRequest):
    """A request with the reason why its body was refused; None when it was taken."""

    refused: Exception | None = None


class Handler(ASGIHandler):
    """Django's handler, which takes each body within the limit of its address and sender."""

    request_class = Request

    def __init__(self) -> None:
        super().__init__()
        self.uploads: Counter[int] = Counter()  # by user, those under way in this process

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(scope, receive, self.uploads)
        try:
            await super().handle(body.scope, body, send)
        finally:
            body.release()

    async def read_body(self, receive: Receive) -> IO[bytes]:
        assert isinstance(receive, Body)
        return await receive.read()

    def create_request(
        self, scope: Message, body_file: IO[bytes]
    ) -> tuple[ASGIRequest, None] | tuple[None, HttpResponseBase]:
        made = super().create_request(scope, body_file)
        if isinstance(made[0], Request):
            made[0].refused = scope.get("refused")
        return made


class Body:
    """The body of one request, which is read once; afterwards it tells when the client leaves."""

    def __init__(self, scope: Scope, incoming: Receive, uploads: "Counter[int]") -> None:
        headers = dict(scope["headers"])
        self.scope, self.incoming, self.uploads = dict(scope), incoming, uploads
        self.chunked = b"transfer-encoding" in headers
        declared = headers.get(b"content-length", b"")
        self.declared = int(declared) if declared.isdigit() else 0
        self.sender: int | None = None

    async def __call__(self) -> Message:
        if "refused" in self.scope:
            await asyncio.Future()  # nobody asks for what is left
        return await self.incoming()

    async def read(self) -> IO[bytes]:
        """Return the body as a file, empty when it was refused. Raises RequestAborted when the client leaves."""
        file = SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(settings.FILE_UPLOAD_TEMP_DIR))  # noqa: SIM115
        try:
            size = await self._copy(file, await self._limit())
        except (RequestAborted, asyncio.CancelledError):
            file.close()
            raise
        except OSError:
            file.close()
            log.warning("body_not_stored", exc_info=True)
            self.scope["refused"] = StudioError(_("There is not enough disk space for it."), code="storage_failed")
            return BytesIO()
        except Exception as error:
            file.close()
            self.scope["refused"] = error
            return BytesIO()
        if self.chunked:  # Django takes a body without a length for none
            rest = [each for each in self.scope["headers"] if each[0] not in (b"transfer-encoding", b"content-length")]
            self.scope["headers"] = [*rest, (b"content-length", str(size).encode())]
        file.seek(0)
        return file

    def release(self) -> None:
        """Let the sender send another one."""
        if self.sender is not None:
            self.uploads[self.sender] -= 1
            if not self.uploads[self.sender]:
                del self.uploads[self.sender]
            self.sender = None

    async def _limit(self) -> int:
        """Return how many bytes may come.

        Raises StudioError for a declared length beyond that, and for a sender who has too many uploads under way.
        """
        small = int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        if not self.chunked and self.declared <= small:
            return small
        limit: int
        sender: int | None
        limit, sender = await database_sync_to_async(upload_limit)(self.scope)
        if self.declared > limit:
            raise too_large(limit)
        if sender is not None:
            if self.uploads[sender] >= settings.MAX_UPLOADS_AT_ONCE:
                text = _("You are uploading %(number)d files already. Wait for one to finish.") % {
                    "number": settings.MAX_UPLOADS_AT_ONCE
                }
                raise StudioError(text, code="rate_limited")
            self.uploads[sender] += 1
            self.sender = sender
        return limit

    async def _copy(self, file: "SpooledTemporaryFile[bytes]", limit: int) -> int:
        """Write what arrives to the file and return its size. Raises StudioError when it is too much or too slow."""
        loop = asyncio.get_running_loop()
        start, size, idle = loop.time(), 0, settings.REQUEST_IDLE_SECONDS
        while True:
            in_all = start + idle + size / settings.BODY_BYTES_PER_SECOND - loop.time()
            try:
                async with asyncio.timeout(min(idle, in_all)):
                    message = await self.incoming()
            except TimeoutError:
                raise StudioError(code="request_timeout") from None
            if message["type"] == "http.disconnect":
                raise RequestAborted
            data = message.get("body", b"")
            size += len(data)
            if size > limit:
                raise too_large(limit)
            if size <= IN_MEMORY:
                file.write(data)
            elif data:
                await asyncio.to_thread(file.write, data)
            if not message.get("more_body", False):
                return size


def upload_limit(scope: Scope) -> tuple[int, int | None]:
    """Return how many bytes the body of this request may have, and the id of the user who uploads them, if any.

    Only a form with files is let past the small limit: everything else is read into memory. Raises StudioError when
    the address takes files and nobody is signed in. The CSRF token is checked later, when the form is there.
    """
    request = ASGIRequest(scope, BytesIO())
    small = int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    try:
        files = request.method == "POST" and request.content_type == FILES and to_take_files(resolve(request.path_info))
    except Http404:
        files = False
    return (settings.MAX_UPLOAD_BYTES, sender_of(request).pk) if files else (small, None)


def sender_of(request: ASGIRequest) -> User:
    """Return who sends this request, by API token or session. Raises StudioError when that is nobody."""
    secret = bearer(request.headers.get("Authorization", ""))
    if secret is not None:
        if token := ApiToken.objects.authenticate(secret):
            return token.user
        raise StudioError(code="invalid_token")
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if key and (user := sessions.user_of(key)):
        return user
    raise StudioError(code="authentication_required")


def too_large(limit: int) -> StudioError:
    return StudioError(_("You can send at most %(most)g MB here.") % {"most": limit / 1_000_000}, code="body_too_large")


def plain_refusal(code: str, path: bytes) -> bytes:
    """A whole HTTP answer for a request that is too broken to reach the site."""
    body = problem(code)
    api = of_api(path.decode("latin-1"))
    kind = MEDIA_TYPE if api else "text/plain; charset=utf-8"
    text = json.dumps(body) if api else f"{body['title']} {body['status']} {code}\n"
    head = f"HTTP/1.1 {body['status']} Bad Request\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\n"
    return f"{head}Connection: close\r\n\r\n{text}".encode()
