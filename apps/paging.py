"""Pages of a long list by cursor: the last row of a page says where the next one begins.

Whatever comes and goes meanwhile, no row is shown twice and none is left out, and the last page costs as much as the
first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)
SALT = "apps.paging"
AFTER, BEFORE = "after", "before"  # the parameters of an address


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list. `before` and `after` are the cursors of its neighbours, empty where there are none."""

    rows: list[Row]
    before: str = ""
    after: str = ""

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def page(rows: "QuerySet[Row]", query: Mapping[str, str], by: str, size: int) -> Page[Row]:
    """Return the page of an address, or the first one where its cursor cannot be used.

    `by` is a column, with a minus where the highest come first. Rows that are alike in it are sorted by their keys.
    """
    for name in (AFTER, BEFORE):
        if place := _place(query.get(name, ""), by, rows.model):
            found, more = _read(rows, by, size, place, backwards=name == BEFORE)
            if name == AFTER and found:
                return Page(found, _cursor(found[0], by), _cursor(found[-1], by) if more else "")
            if name == BEFORE and more:
                return Page(found, _cursor(found[0], by), _cursor(found[-1], by))
            break  # nothing follows any more, or the list begins within this page: then it is the first one
    found, more = _read(rows, by, size)
    return Page(found, "", _cursor(found[-1], by) if more else "")


def _read(
    rows: "QuerySet[Row]", by: str, size: int, place: tuple[Any, Any] | None = None, backwards: bool = False
) -> tuple[list[Row], bool]:
    """Return up to `size` rows beyond a place, and whether there are more beyond these."""
    column, falls = by.removeprefix("-"), by.startswith("-") != backwards
    if place:
        value, key = place
        beyond = "lt" if falls else "gt"
        # The first condition alone is what an index can begin with.
        rows = rows.filter(
            Q((f"{column}__{beyond}e", value)) & (Q((f"{column}__{beyond}", value)) | Q((f"pk__{beyond}", key)))
        )
    sign = "-" if falls else ""
    found = list(rows.order_by(f"{sign}{column}", f"{sign}pk")[: size + 1])
    more, found = len(found) > size, found[:size]
    return (found[::-1] if backwards else found), more


def _cursor(row: Model, by: str) -> str:
    value = getattr(row, by.removeprefix("-"))
    place = [by, value.isoformat() if isinstance(value, datetime) else value, str(row.pk)]
    return signing.dumps(place, salt=_salt(type(row)))


def _place(cursor: str, by: str, model: type[Model]) -> tuple[Any, Any] | None:
    """Return the place that a cursor of ours names in a list of such rows, in this order; None for any other."""
    try:
        order, value, key = signing.loads(cursor, salt=_salt(model)) if cursor else ("", None, None)
    except (signing.BadSignature, ValueError):
        return None
    if order != by:
        return None
    return (datetime.fromisoformat(value) if isinstance(value, str) else value), key


def _salt(model: type[Model]) -> str:
    """Cursors are good for lists of the same kind of rows: the keys of others are of another type."""
    return f"{SALT}.{model._meta.label}"
