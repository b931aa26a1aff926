"""English words for numbers."""

from __future__ import annotations

ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion")
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
LARGEST = 10**18 - 1
ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def cardinal(number: int, british: bool = False) -> str:
    """Return "one hundred twenty-three", in British English "one hundred and twenty-three"; digits beyond LARGEST."""
    if number < 0:
        return f"minus {cardinal(-number, british)}"
    if number > LARGEST:
        return digits(str(number))
    if not number:
        return ONES[0]
    groups = []
    rest, scale = number, 0
    while rest:
        rest, group = divmod(rest, 1000)
        if group:
            told = _hundreds(group, british, last=british and scale == 0 and rest > 0)
            groups.append(f"{told} {SCALES[scale]}".strip())
        scale += 1
    return " ".join(reversed(groups))


def ordinal(number: int, british: bool = False) -> str:
    """Return "twenty-first"."""
    head, dash, last = cardinal(number, british).rpartition("-")
    if not dash:
        head, dash, last = last.rpartition(" ")
    if last not in ORDINALS:
        return head + dash + (last.removesuffix("y") + "ieth" if last.endswith("y") else last + "th")
    return head + dash + ORDINALS[last]


def year(number: int) -> str:
    """Return "nineteen oh five", "two thousand one", "twenty twenty-four"."""
    century, rest = divmod(number, 100)
    if number < 1000 or number > 9999 or (century % 10 == 0 and rest < 10):
        return cardinal(number)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def decade(number: int) -> str:
    """Return "nineteen nineties" for 1990, "nineties" for 90, "two thousands" for 2000."""
    head, space, last = (cardinal(number) if number < 1000 else year(number)).rpartition(" ")
    return head + space + (last.removesuffix("y") + "ies" if last.endswith("y") else last + "s")


def digits(written: str) -> str:
    """Return the digits one by one, such as "five five five"."""
    return " ".join(ONES[int(digit)] for digit in written if digit.isdecimal())


def number(written: str, british: bool = False) -> str:
    """Return the words for digits with thousands commas, a decimal point and a sign."""
    written = written.replace(",", "").replace("−", "-")
    sign = "minus " if written.startswith("-") else "plus " if written.startswith("+") else ""
    whole, point, part = written.lstrip("+-").partition(".")
    told = digits(whole) if len(whole) > 1 and whole.startswith("0") else cardinal(int(whole or 0), british)
    return sign + told + (f" point {digits(part)}" if point and part else "")


def roman(written: str) -> int:
    """Return the value of a Roman numeral."""
    values = [ROMAN[letter] for letter in written]
    return sum(-value if after > value else value for value, after in zip(values, [*values[1:], 0], strict=True))


def _hundreds(number: int, british: bool, last: bool) -> str:
    hundreds, rest = divmod(number, 100)
    told = [f"{ONES[hundreds]} hundred"] if hundreds else []
    if rest:
        if (british and hundreds) or (last and not hundreds):
            told.append("and")
        told.append(ONES[rest] if rest < 20 else TENS[rest // 10] + (f"-{ONES[rest % 10]}" if rest % 10 else ""))
    return " ".join(told)
