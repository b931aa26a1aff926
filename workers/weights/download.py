"""Files of a model from the Hugging Face Hub, or from a server that speaks as it does.

huggingface_hub names the files, answers for redirects, tokens and errors. The bytes come by plain HTTP with ranges:
since 2.0 the library throws a half-downloaded file away (its names are unique to a process), and a Xet transfer cannot
be taken up again or counted by what is on the disk. A file of 5 GB that was lost at 4 GB goes on at 4 GB here.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO, Any

import httpx2
from huggingface_hub import HfApi, get_session, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.utils import build_hf_headers, filter_repo_objects, hf_raise_for_status

from workers.base import Cancelled, EngineError

FILES_AT_ONCE = 4
ATTEMPTS = 6  # in a row without a new byte
RETRY_SECONDS = 1.0  # before the second attempt; twice as long before each one after it
TIMEOUT = httpx2.Timeout(30.0)
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a model: its path in the model's folder, its size in bytes and its name as a git or LFS object.

    A file of another repository than the model's own says which, at which commit, and in which subfolder of the model
    it lies; there, its path is without that.
    """

    path: str
    size: int
    sha256: str = ""  # of files in LFS
    blob: str = ""  # git's sha1, of all others
    repo: str = ""
    revision: str = ""
    folder: str = ""

    @property
    def there(self) -> str:
        """Its path in its repository."""
        return self.path.removeprefix(f"{self.folder}/") if self.folder else self.path

    def digest(self) -> Any:
        """Return a fresh hash object for the file's content."""
        return hashlib.sha256() if self.sha256 else hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)

    def matches(self, digest: Any) -> bool:
        """True when the content hashed to what the hub says; a hub that says nothing is believed by size."""
        promised = self.sha256 or self.blob
        return not promised or digest.hexdigest() == promised


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of a model at one commit."""

    repo: str
    revision: str
    files: tuple[RemoteFile, ...]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.size for file in self.files)

    def beside(self, part: Snapshot, folder: str) -> Snapshot:
        """Return these files, and beside them those of another repository in a subfolder."""
        others = (
            replace(file, path=f"{folder}/{file.path}", repo=part.repo, revision=part.revision, folder=folder)
            for file in part.files
        )
        return replace(self, files=(*self.files, *others))


def snapshot(repo: str, pinned: str = "", *, layout: Collection[str], marker: str) -> Snapshot:
    """Ask the hub for the files of a repository that fit `layout`, at the commit `pinned` or else at its newest.

    A repository without the file `marker` is no model of this layout.

    Raises EngineError: repo_missing, token_missing or hub_unreachable.
    """
    api = HfApi(endpoint=_endpoint(), token=_token())
    try:
        try:
            info = api.model_info(repo, revision=pinned or "main", files_metadata=True, timeout=30)
        except RevisionNotFoundError:
            if not pinned:
                raise
            info = api.model_info(repo, revision="main", files_metadata=True, timeout=30)
    except (httpx2.HTTPError, OSError) as error:
        raise refusal(error, repo) from error
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    if not any(fnmatch(path, marker) for path in siblings):
        raise EngineError("repo_missing", f"{repo} holds no model that can be used here: it has no {marker}.")
    files = []
    for path in filter_repo_objects(sorted(siblings), allow_patterns=[*layout]):
        if ".." in PurePosixPath(path).parts or "\\" in path:
            # A star in a pattern stands for anything, and files go to where their names say.
            raise EngineError("repo_missing", f"{repo} names a file outside its own folder, so nothing of it is taken.")
        sibling = siblings[path]
        sha256 = sibling.lfs.sha256 if sibling.lfs else ""
        files.append(RemoteFile(path, int(sibling.size or 0), sha256, "" if sha256 else sibling.blob_id or ""))
    return Snapshot(repo, str(info.sha), tuple(files))


def fetch(wanted: Snapshot, folder: Path, count: Callable[[int, bool], None], stopped: Callable[[float], bool]) -> None:
    """Bring every file of `wanted` into `folder`, several at once; what is there is checked and kept.

    `count(bytes, received)` is told of bytes that are on the disk (negative when some had to go), and whether they came
    over the wire; `stopped(seconds)` waits that long and is true when the work is to end.

    Raises Cancelled, EngineError (hash_mismatch, download_interrupted, token_missing, repo_missing, hub_unreachable)
    and OSError of the disk. Whatever has come stays where it is.
    """
    failed = threading.Event()
    largest_first = sorted(wanted.files, key=lambda file: -file.size)

    def over(seconds: float = 0.0) -> bool:
        return failed.is_set() or stopped(seconds)

    with ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="fetch") as pool:
        pending = {pool.submit(_fetch_file, wanted, file, folder, count, over) for file in largest_first}
        try:
            while pending:
                # In short waits, so that what is raised into this thread from outside (a shutdown) gets through.
                done, pending = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
        except BaseException:
            failed.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _fetch_file(
    wanted: Snapshot,
    file: RemoteFile,
    folder: Path,
    count: Callable[[int, bool], None],
    over: Callable[[float], bool],
) -> None:
    target = folder / file.path
    part = target.with_name(target.name + ".incomplete")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.replace(part)
    digest = file.digest()
    if part.exists() and part.stat().st_size > file.size:
        part.unlink()
    with part.open("ab+") as out:
        have = _read_again(out, digest, count, over)
        failures = 0
        while have < file.size:
            before = have
            try:
                with _get(wanted, file, have) as response:
                    if have and response.status_code == httpx2.codes.OK:
                        # A server that knows no ranges begins again.
                        out.truncate(0)
                        count(-have, False)
                        digest, have, before = file.digest(), 0, 0
                    for block in response.iter_bytes():
                        have += len(block)
                        if have > file.size:
                            break  # a server that sends more than the hub promised might never end
                        out.write(block)
                        digest.update(block)
                        count(len(block), True)
                        if over(0):
                            raise Cancelled
                if have < file.size:
                    raise httpx2.ReadError("The answer was shorter than the file.")
            except httpx2.HTTPError as error:
                out.flush()
                failures = 1 if have > before else failures + 1
                if not _transient(error):
                    raise refusal(error, file.repo or wanted.repo) from error
                if failures >= ATTEMPTS:
                    raise EngineError(
                        "download_interrupted",
                        "The connection to the hub was lost. What has come is kept.",
                    ) from error
                if over(RETRY_SECONDS * 2 ** (failures - 1)):
                    raise Cancelled from error
    if have != file.size or not file.matches(digest):
        part.unlink()
        raise EngineError(
            "hash_mismatch",
            f"{file.path} is not what the hub says it is. It was thrown away.",
        )
    part.replace(target)


def _read_again(out: IO[bytes], digest: Any, count: Callable[[int, bool], None], over: Callable[[float], bool]) -> int:
    """Add what an earlier attempt has brought to the digest; returns its bytes."""
    out.seek(0)
    have = 0
    while block := out.read(BLOCK):
        digest.update(block)
        have += len(block)
        count(len(block), False)
        if over(0):
            raise Cancelled
    return have


def hash_file(file: RemoteFile, path: Path, count: Callable[[int, bool], None]) -> bool:
    """True when a file on the disk is what the hub promised."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    digest = file.digest()
    with path.open("rb") as content:
        while block := content.read(BLOCK):
            digest.update(block)
            count(len(block), False)
    return file.matches(digest)


@contextmanager
def _get(wanted: Snapshot, file: RemoteFile, start: int) -> Iterator[Any]:
    """A streamed GET of a file from byte `start` on; the token goes to the hub and not to where it redirects."""
    headers = build_hf_headers(token=_token()) | {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    repo, revision = (file.repo, file.revision) if file.repo else (wanted.repo, wanted.revision)
    url = hf_hub_url(repo, file.there, revision=revision, endpoint=_endpoint())
    with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT) as response:
        hf_raise_for_status(response)
        yield response


def refusal(error: Exception, repo: str) -> EngineError:
    """Return an error of the hub as an EngineError that tells the operator what to do."""
    status = error.response.status_code if isinstance(error, HfHubHTTPError) and error.response is not None else 0
    page = f"{_endpoint() or 'https://huggingface.co'}/{repo}"
    if isinstance(error, GatedRepoError) or status in (401, 403):
        if _token():
            text = f"The hub does not give {repo} to the owner of HF_TOKEN. Its terms are at {page}."
        else:
            text = f"The hub gives {repo} only to people it knows. Its terms are at {page}."
        return EngineError("token_missing", text)
    if isinstance(error, RepositoryNotFoundError | RevisionNotFoundError) or status == 404:
        return EngineError("repo_missing", f"The hub has no {repo}, or no longer all of its files.")
    if status:
        return EngineError("hub_unreachable", f"The hub answered with error {status}.")
    return EngineError("hub_unreachable", f"The hub at {page.removesuffix('/' + repo)} cannot be reached from here.")


def _transient(error: httpx2.HTTPError) -> bool:
    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code in (408, 429, 500, 502, 503, 504)
    return isinstance(error, httpx2.TransportError)


def _endpoint() -> str | None:
    return (os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None


def _token() -> str | bool:
    # False: a token that somebody once stored in this account's home is not taken by accident.
    return os.environ.get("HF_TOKEN") or False
