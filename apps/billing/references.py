"""What the references of the ledger stand for.

This app knows no jobs, so apps that have some register how theirs are told, each for the beginning of its references.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from apps.accounts.models import User


@dataclass(frozen=True, slots=True)
class Subject:
    """What credits were for: its name, its page and its picture where it has them, and a word about its state."""

    title: str
    url: str = ""
    picture: str = ""
    icon: str = "film"
    note: str = ""


Teller = Callable[[User, Sequence[str]], Mapping[str, Subject]]
_tellers: dict[str, Teller] = {}


def register(kind: str, teller: Teller) -> None:
    """Let references `kind:key` be told by a function of their owner and the keys. It asks the database no more often
    for many keys than for one."""
    _tellers[kind] = teller


def subjects(user: User, references: Sequence[str]) -> dict[str, Subject]:
    """Return what references of a user stand for; what nobody can tell is left out."""
    found: dict[str, Subject] = {}
    for kind, teller in _tellers.items():
        keys = [reference.partition(":")[2] for reference in references if reference.partition(":")[0] == kind]
        if keys:
            found |= {f"{kind}:{key}": subject for key, subject in teller(user, keys).items()}
    return found
