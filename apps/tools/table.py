"""A table that somebody sends as CSV, read into rows; what cannot be used is refused with a sentence."""

import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from apps.text import tidy

MAX_BYTES = 1_000_000
SEPARATORS = ",;\t"
# The first line that Excel and others write to name the separator; saved again, it has quotes or empty cells.
NAMED = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\t]*(?:\r\n|[\r\n]|$)', re.IGNORECASE)


class TableError(ValueError):
    """A table cannot be used, for the reason that it says."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line below the first: its number in the file, and the cells that are filled in, by the name of the column."""

    line: int
    cells: dict[str, str]


class Table:
    """A table with its columns. Raises TableError unless each has a different one of the `known` names.

    A sentence about missing names gives the `examples`.
    """

    def __init__(self, file: "UploadedFile[Any]", known: Collection[str], examples: Collection[str]) -> None:
        text = _text(file)
        named = NAMED.match(text)
        self._before = 1 if named else 0  # lines before the names
        text = text[named.end() :] if named else text
        separator = named[1] if named else _separator(text)
        self._rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        try:
            first = next(self._rows, [])
        except csv.Error as error:
            raise TableError(_("this is not a CSV.")) from error
        self.names = _without_end([tidy(name).lower().replace(" ", "_") for name in first], 0)
        unknown = [name for name in self.names if name not in known]
        if not any(self.names) or len(unknown) == len(self.names):
            told = _("the first line has to name settings, such as %(names)s.")
            raise TableError(told % {"names": ", ".join(examples)})
        if unknown:
            told = _("“%(name)s” is no setting of this tool. Take that column out.")
            raise TableError(told % {"name": unknown[0][:60]})
        if twice := next((name for name in self.names if self.names.count(name) > 1), None):
            raise TableError(_("the column “%(name)s” is there twice.") % {"name": twice})

    def rows(self) -> Iterator[Row]:
        """Yield the rows, those without a filled cell too. Raises TableError."""
        made = False
        try:
            for cells in self._rows:
                row = self._row(self._before + self._rows.line_num, cells)
                made = made or bool(row.cells)
                yield row
        except csv.Error as error:
            raise TableError(_("this is not a CSV.")) from error
        if not made:
            raise TableError(_("there is nothing below its first line."))

    def _row(self, line: int, cells: list[str]) -> Row:
        if not any(map(tidy, cells)):
            return Row(line, {})
        cells = _without_end(cells, len(self.names))
        if len(cells) != len(self.names):
            told = _("line %(number)d has %(cells)d cells, and the first line has %(columns)d.")
            raise TableError(told % {"number": line, "cells": len(cells), "columns": len(self.names)})
        return Row(line, {name: cell for name, cell in zip(self.names, map(tidy, cells), strict=True) if cell})


def _text(file: "UploadedFile[Any]") -> str:
    if (file.size or 0) > MAX_BYTES:
        raise TableError(_("the file is too large. A CSV has at most %(most)d MB.") % {"most": 1})
    try:
        text: str = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(_("the file is not written in UTF-8. Save it as “CSV UTF-8”.")) from error
    if "\0" in text:
        raise TableError(_("this is not a CSV."))
    return text


def _separator(text: str) -> str:
    """Return what the names in the first line stand between: the one of SEPARATORS that is there most often."""
    first = text.partition("\n")[0]
    return max(SEPARATORS, key=first.count)


def _without_end(cells: list[str], least: int) -> list[str]:
    """Return a row without the empty cells at its end, which tables often have; `least` of its cells stay."""
    number = len(cells)
    while number > least and not tidy(cells[number - 1]):
        number -= 1
    return cells[:number]
