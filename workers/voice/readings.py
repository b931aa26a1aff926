"""How English numbers, dates, money, units and abbreviations are read, as rules: a pattern and what is said for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from workers.voice import numbers as n

Say = Callable[[re.Match[str], bool], str | None]  # the words for a match, in British English or not; None: no match

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
UNITS = {
    "km/h": "kilometer per hour", "kmh": "kilometer per hour", "mph": "mile per hour", "m/s": "meter per second",
    "MB/s": "megabyte per second", "Mbps": "megabit per second", "km²": "square kilometer", "m²": "square meter",
    "m³": "cubic meter", "cm²": "square centimeter", "km": "kilometer", "cm": "centimeter", "mm": "millimeter",
    "µm": "micrometer", "nm": "nanometer", "mi": "mile", "ft": "foot", "yd": "yard", "kg": "kilogram",
    "mg": "milligram", "lb": "pound", "lbs": "pound", "oz": "ounce", "ml": "milliliter", "mL": "milliliter",
    "sec": "second", "ms": "millisecond", "min": "minute", "hr": "hour", "hrs": "hour", "kHz": "kilohertz",
    "Hz": "hertz", "MHz": "megahertz", "GHz": "gigahertz", "kW": "kilowatt", "kWh": "kilowatt hour", "dB": "decibel",
    "KB": "kilobyte", "kB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte",
    "fps": "frame per second", "px": "pixel", "ha": "hectare", "kcal": "kilocalorie", "rpm": "revolution per minute",
}  # fmt: skip
SHORT_UNITS = {
    "m": "meter", "s": "second", "h": "hour", "g": "gram", "t": "ton", "l": "liter", "L": "liter", "V": "volt",
    "W": "watt",
}  # fmt: skip
PLURALS = {
    "foot": "feet", "hertz": "hertz", "kilohertz": "kilohertz", "megahertz": "megahertz", "gigahertz": "gigahertz",
    "penny": "pence", "yen": "yen", "won": "won",
}  # fmt: skip
MONEY = {
    "$": ("dollar", "cent"), "US$": ("U.S. dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent"),
    "¥": ("yen", ""), "₹": ("rupee", "paisa"), "₩": ("won", ""), "CHF": ("Swiss franc", "centime"),
    "USD": ("U.S. dollar", "cent"), "EUR": ("euro", "cent"), "GBP": ("British pound", "penny"),
    "¢": ("cent", ""),
}  # fmt: skip
SCALES = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "bn": "billion", "b": "billion",
          "B": "billion"}  # fmt: skip
ABBREVIATIONS = {
    "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missis", "Ms.": "Miz", "Prof.": "Professor", "Gen.": "General",
    "Col.": "Colonel", "Capt.": "Captain", "Lt.": "Lieutenant", "Sgt.": "Sergeant", "Rev.": "Reverend",
    "Gov.": "Governor", "Sen.": "Senator", "Rep.": "Representative", "Pres.": "President", "Mt.": "Mount",
    "Ave.": "Avenue", "Blvd.": "Boulevard", "Rd.": "Road", "Hwy.": "Highway", "Dept.": "Department",
    "Inc.": "Incorporated", "Ltd.": "Limited", "Co.": "Company", "Corp.": "Corporation", "Jr.": "Junior",
    "Sr.": "Senior", "St.": "Saint", "etc.": "et cetera", "e.g.": "for example", "i.e.": "that is", "vs.": "versus",
    "vs": "versus", "cf.": "compare", "approx.": "approximately", "est.": "established", "ca.": "circa",
    "max.": "maximum", "fig.": "figure", "Fig.": "Figure", "vol.": "volume", "Vol.": "Volume", "ch.": "chapter",
    "Ch.": "Chapter", "p.": "page",
    "pp.": "pages", "govt.": "government", "a.k.a.": "also known as", "Sept.": "September",
    "Oct.": "October", "Nov.": "November", "Dec.": "December", "Jan.": "January", "Feb.": "February",
    "Aug.": "August",
}  # fmt: skip
GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma",
    "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Δ": "delta", "Γ": "gamma",
    "Θ": "theta", "Λ": "lambda", "Π": "pi", "Σ": "sigma", "Φ": "phi", "Ψ": "psi", "Ω": "omega",
}  # fmt: skip
SIGNS = {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "%": "percent", "×": "times", "÷": "divided by",
    "±": "plus or minus", "≈": "about", "<": "less than", ">": "greater than", "≤": "at most", "≥": "at least",
    "°": "degrees", "©": "copyright", "™": "trademark", "½": "one half", "¼": "one quarter", "¾": "three quarters",
    "⅓": "one third", "⅔": "two thirds",
}  # fmt: skip
FRACTIONS = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 8: "eighth", 10: "tenth"}
# Words before a number that make it a year, and words before a Roman numeral.
BEFORE_A_YEAR = (
    "in", "In", "since", "Since", "from", "From", "by", "By", "until", "Until", "before", "Before", "after", "After",
    "of", "year", "Year", "spring", "summer", "autumn", "winter", "©",
)  # fmt: skip
NUMBERED = ("War", "Part", "part", "Chapter", "chapter", "Act", "Scene", "Volume", "Episode", "Season")
RULERS = ("Henry", "Louis", "Charles", "Elizabeth", "George", "James", "Edward", "Richard", "William", "Philip")


def _number(match: re.Match[str], british: bool) -> str:
    return n.number(match[1], british)


def _plural(unit: str, written: str) -> str:
    if written.replace(",", "").lstrip("-−+") in ("1", "1.0"):
        return unit
    head, per, rest = unit.partition(" per ")
    first, space, last = head.rpartition(" ")
    return first + space + PLURALS.get(last, f"{last}s") + per + rest


def _unit(match: re.Match[str], british: bool) -> str:
    unit = UNITS.get(match[2]) or SHORT_UNITS[match[2]]
    return f"{n.number(match[1], british)} {_spelt(_plural(unit, match[1]), british)}"


def _units(match: re.Match[str], british: bool) -> str:
    return f"{_range(match, british)} {_spelt(_plural(UNITS[match[3]], '2'), british)}"


def _spelt(unit: str, british: bool) -> str:
    return re.sub(r"(met|lit)er", r"\1re", unit) if british else unit


def _money(match: re.Match[str], british: bool) -> str:
    written, scale = match[2], match[3] or match[4]
    unit, small = MONEY[match[1]]
    if scale:
        return f"{n.number(written, british)} {SCALES.get(scale, scale)} {_plural(unit, '2')}"
    whole, _, part = written.replace(",", "").partition(".")
    if len(part) != 2 or not small:
        return f"{n.number(written, british)} {_plural(unit, written)}"
    told = f"{n.cardinal(int(whole), british)} {_plural(unit, whole)}"
    if not int(part):
        return told
    coins = f"{n.cardinal(int(part))} {_plural(small, str(int(part)))}"
    return f"{told} and {coins}" if int(whole) else coins


def _money_after(match: re.Match[str], british: bool) -> str:
    return f"{n.number(match[1], british)} {_plural(MONEY[match[2]][0], match[1])}"


def _percent(match: re.Match[str], british: bool) -> str:
    return f"{n.number(match[1], british)} percent"


def _degrees(match: re.Match[str], british: bool) -> str:
    scale = {"C": " Celsius", "F": " Fahrenheit", None: ""}[match[2]]
    return f"{n.number(match[1], british)} {_plural('degree', match[1])}{scale}"


def _date(day: int, month: int, year: str, day_first: bool) -> str | None:
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return None
    name = MONTHS[month - 1]
    told = f"the {n.ordinal(day)} of {name}" if day_first else f"{name} {n.ordinal(day)}"
    return f"{told}, {n.year(int(year))}" if year else told


def _iso_date(match: re.Match[str], british: bool) -> str | None:
    return _date(int(match[3]), int(match[2]), match[1], british)


def _numeric_date(match: re.Match[str], british: bool) -> str | None:
    first, second, year = int(match[1]), int(match[2]), match[3]
    day, month = (first, second) if (british or first > 12) and second <= 12 else (second, first)
    if len(year) == 2:
        year = f"{20 if int(year) < 50 else 19}{year}"
    return _date(day, month, year, british)


def _month(name: str) -> int:
    return next(at for at, month in enumerate(MONTHS, 1) if month.startswith(name[:3]))


def _month_day(match: re.Match[str], british: bool) -> str | None:
    return _date(int(match[2]), _month(match[1]), match[3] or "", False)


def _day_month(match: re.Match[str], british: bool) -> str | None:
    return _date(int(match[1]), _month(match[2]), match[3] or "", True)


def _time(match: re.Match[str], british: bool) -> str | None:
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if hour > 24 or (half and not 1 <= hour <= 12):
        return None
    told = n.cardinal(hour)
    if minute:
        told += f" {'oh ' if minute < 10 else ''}{n.cardinal(minute)}"
    elif not half:
        told += " o'clock" if 1 <= hour <= 12 else " hundred hours"
    return f"{told} {half.upper()} M" if half else told


def _ratio(match: re.Match[str], british: bool) -> str:
    return f"{n.number(match[1])} to {n.number(match[2])}"


def _fraction(match: re.Match[str], british: bool) -> str | None:
    whole, above, below = match[1], int(match[2]), int(match[3])
    if below not in FRACTIONS or not 0 < above < below:
        return None
    name = FRACTIONS[below]
    if above > 1:
        name = f"{n.cardinal(above)} {name}s"
    elif whole:
        name = f"{'an' if name == 'eighth' else 'a'} {name}"
    else:
        name = f"one {name}"
    return f"{n.number(whole, british)} and {name}" if whole else name


def _range(match: re.Match[str], british: bool) -> str:
    parts = (match[1], match[2])
    years = all(re.fullmatch(r"1[1-9]\d\d|20\d\d", part) for part in parts)
    return " to ".join(n.year(int(part)) if years else n.number(part, british) for part in parts)


def _sides(match: re.Match[str], british: bool) -> str:
    return f"{n.number(match[1], british)} by {n.number(match[2], british)}"


def _phone(match: re.Match[str], british: bool) -> str:
    told = ", ".join(n.digits(group) for group in re.findall(r"\d+", match.group()))
    return f"plus {told}" if match.group().startswith("+") else told


def _version(match: re.Match[str], british: bool) -> str:
    return " point ".join(n.cardinal(int(part)) for part in match.group().split("."))


def _address(match: re.Match[str], british: bool) -> str:
    told = re.sub(r"^https?://", "", match.group().rstrip("/"))
    told = re.sub(r"\d+", lambda number: f" {n.digits(number.group())} ", told.replace("www.", "W W W."))
    for sign, word in ((".", "dot"), ("@", "at"), ("/", "slash"), ("_", "underscore"), ("+", "plus"), ("-", "dash")):
        told = told.replace(sign, f" {word} ")
    return told


def _letters_and_digits(match: re.Match[str], british: bool) -> str:
    """Read "MP4", "A4", "B2B", "4K", "3D" and "1080p" by their letters, and their numbers as people say them."""
    told = []
    for part in re.findall(r"\d+|[A-Za-z]+", match.group()):
        if not part.isdecimal():
            told.append(" ".join(part.upper()) if part.isupper() or len(part) == 1 else part)
        elif len(part) == 4 and part.endswith("0") and not part.endswith("00"):
            told.append(f"{n.cardinal(int(part[:2]))} {n.cardinal(int(part[2:]))}")
        elif len(part) == 3 and not part.endswith("00"):
            told.append(f"{n.cardinal(int(part[0]))} {'oh ' if part[1] == '0' else ''}{n.cardinal(int(part[1:]))}")
        else:
            told.append(n.number(part, british))
    return " ".join(told)


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _after(words: Iterable[str]) -> str:
    """Return a pattern that stands after one of these words and a space; lookbehinds have one width each."""
    return (
        "(?:" + "|".join(rf"(?<=\b{re.escape(word)} )" if word.isalpha() else f"(?<={word} )" for word in words) + ")"
    )


_N = r"\d+(?:,\d{3})*(?:\.\d+)?"
_FREE = r"(?<![\w.,/:-])"  # nothing before that the number belongs to
_DONE = r"(?![\w/]|[.,:-]\d)"  # nothing after
_SIGNED = rf"((?:(?<![\w)])[-−+])?{_N})"
_MONTH = rf"({_any([*MONTHS, 'Sept', *(month[:3] for month in MONTHS)])})\b\.?"

# The first rule that fits some characters reads them.
RULES: tuple[tuple[re.Pattern[str], Say], ...] = tuple(
    (re.compile(pattern), say)
    for pattern, say in (
        (r"\bhttps?://[^\s<>\"']+[\w/]|\bwww\.[\w.-]+\w|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _address),
        (rf"{_FREE}[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|ai|tv|dev)\b(?:/[\w/-]*\w)?", _address),
        (rf"{_FREE}(\d{{4}})-(\d\d)-(\d\d){_DONE}", _iso_date),
        (rf"{_FREE}(\d{{1,2}})/(\d{{1,2}})/(\d{{4}}|\d\d){_DONE}", _numeric_date),
        (rf"\b{_MONTH} (\d{{1,2}})(?:st|nd|rd|th)?(?![\w:%])(?:,? (\d{{4}})\b)?", _month_day),
        (rf"\b(?:[Tt]he )?(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{_MONTH}(?:,? (\d{{4}})\b)?", _day_month),
        (rf"{_FREE}(\d{{1,2}})(?::([0-5]\d))? ?([AaPp])(?:\.[Mm]\.|[Mm]\b)", _time),
        (rf"{_FREE}(\d{{1,2}}):([0-5]\d)(){_DONE}", _time),
        (rf"{_FREE}(\d{{1,2}}):(\d{{1,2}}){_DONE}", _ratio),
        (
            rf"({_any(MONEY)}) ?({_N})(?: ?(hundred|thousand|million|billion|trillion)\b|(bn|[kKmMbB])\b)?",
            _money,
        ),
        (rf"{_FREE}({_N}) ?({_any(MONEY)})(?!\w)", _money_after),
        (rf"{_FREE}{_SIGNED} ?%", _percent),
        (rf"{_FREE}{_SIGNED} ?°(?: ?([CF])\b)?", _degrees),
        (r"\+\d{1,3}[ -]\(?\d{2,4}\)?(?:[ -]\d{2,8}){1,4}\b|(?<![\w.])\+\d{8,15}\b", _phone),
        (r"(?<![\w.-])(?:\(\d{3}\) |\d{3}-)?\d{3}-\d{4}(?![\w-])", _phone),
        (r"(?<![\w.,])'?(\d0|1[1-9]\d0|20\d0)'?s\b", lambda match, british: n.decade(int(match[1]))),
        (rf"{_FREE}({_N}) ?[-–—] ?({_N}) ?({_any(UNITS)})(?![\w/²³])", _units),
        (rf"{_FREE}{_SIGNED}[ -]?({_any(UNITS)})(?![\w/²³])", _unit),
        (rf"{_FREE}{_SIGNED} ?({_any(SHORT_UNITS)})(?![\w/²³'])", _unit),
        (rf"{_FREE}(?:(\d+) )?(\d{{1,2}})/(\d{{1,2}}){_DONE}", _fraction),
        (rf"{_FREE}(\d+(?:\.\d+)?) ?[-–] ?(\d+(?:\.\d+)?){_DONE}", _range),
        (rf"{_FREE}(\d+(?:\.\d+)?) ?[x×] ?(\d+(?:\.\d+)?){_DONE}", _sides),
        (rf"{_FREE}(\d+(?:\.\d+)?)[x×]{_DONE}", lambda match, british: f"{n.number(match[1])} times"),
        (
            rf"{_FREE}(\d+(?:,\d{{3}})*)(?:st|nd|rd|th)\b",
            lambda match, british: n.ordinal(int(match[1].replace(",", "")), british),
        ),
        (
            rf"{_after(BEFORE_A_YEAR)}(1[1-9]\d\d|20\d\d)(?![\w%]|[.,:/-]\d)",
            lambda match, british: n.year(int(match[1])),
        ),
        (rf"{_FREE}(19\d\d|20\d\d)(?=[.,;:!?)]*$|[.,;:!?)]+\s)", lambda match, british: n.year(int(match[1]))),
        (rf"{_FREE}\d+(?:\.\d+){{2,}}{_DONE}", _version),
        (rf"{_after(NUMBERED)}([IVXL]+)\b(?!')", lambda match, british: n.cardinal(n.roman(match[1]))),
        (rf"{_after(RULERS)}([IVX]+)\b(?!')", lambda match, british: f"the {n.ordinal(n.roman(match[1]))}"),
        (r"(?<!\w)(?:Nos?\.|no\.|#) ?(?=\d)", lambda match, british: "number "),
        (r"(?<=[a-z] )St\.(?=$|[,;]| [a-z]| [A-Z]\w+ (?:is|was)\b)", lambda match, british: "Street"),
        (rf"(?<![\w.])(?:{_any(ABBREVIATIONS)})(?!\w)", lambda match, british: ABBREVIATIONS[match.group()]),
        (r"(?<![\w.])w/o?(?=\s|\w)", lambda match, british: "without" if "o" in match.group() else "with"),
        (r"(?<![\w.])(?:\d+[A-Za-z]{1,3}|[A-Za-z]{1,4}-?\d+)(?:[A-Za-z]+\b|\b)(?!')", _letters_and_digits),
        (rf"(?<![\w.,]){_SIGNED}(?!\w)", _number),
        (r"(\d+(?:\.\d+)?)", _number),
        (f"[{''.join(map(re.escape, SIGNS))}]", lambda match, british: f" {SIGNS[match.group()]} "),
        (f"[{''.join(GREEK)}]", lambda match, british: f" {GREEK[match.group()]} "),
    )
)
