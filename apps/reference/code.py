"""An example as a person types it: a command of curl, and a program in Python."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from apps.reference.examples import IDS, TOKEN, Example

INDENT = "    "


def path_of(path: str, example: Example, named: str) -> str:
    """Return the path of a request, with the id in it written as `named` (which has a `{}` for the variable)."""
    if "{id}" not in path:
        return path
    variable = IDS.get(path.split("/")[3], "ID")
    return path.replace("{id}", example.id or named.format(variable))


def quoted(text: str) -> str:
    """Return a word of the shell. Variables in it are still put in."""
    if not any(character in text for character in " \"'\\&?{}|;<>()*!"):
        return text
    if "$" not in text:
        return "'" + text.replace("'", "'\\''") + "'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def curl(example: Example, method: str, path: str, site: str) -> str:
    """Return the command that sends the example."""
    query = f"?{example.query}" if example.query else ""
    words = ["curl"]
    if method.upper() != "GET":
        words[0] += f" -X {method.upper()}"
    words[0] += " " + quoted(site + path_of(path, example, "${}") + query)
    words.append(f'-H "Authorization: Bearer {example.token}"')
    words += [f'-H "{name}: {value}"' for name, value in example.headers.items()]
    if example.body is not None:
        words.append('-H "Content-Type: application/json"')
        lines = json.dumps(example.body, ensure_ascii=False, indent=2 if len(example.body) > 1 else None)
        words.append("-d " + quoted(lines.replace("\n", "\n  ")))
    words += [f"-o {example.saved}"] if example.saved else []
    words += [f"-F {quoted(f'{name}={value}')}" for name, value in (example.form or {}).items()]
    return " \\\n  ".join(words)


def python(example: Example, method: str, path: str, site: str) -> str:
    """Return the program that sends the example, with the package requests."""
    shown = path_of(path, example, "{{{}}}")
    variable = shown.partition("{")[2].partition("}")[0]
    where = f'"{site}{shown}"'
    names = {f"{{{name}}}": f"{{os.environ['{name}']}}" for name in IDS.values()}
    if variable:
        where = f'f"{site}{shown.replace(f"{{{variable}}}", names[f"{{{variable}}}"])}"'
    token = "f\"Bearer {os.environ['CINEVIVID_TOKEN']}\"" if example.token == TOKEN else f'"Bearer {example.token}"'
    headers = ['"Authorization": ' + token, *(f'"{name}": "{value}"' for name, value in example.headers.items())]
    lines = [where, f"headers={{{', '.join(headers)}}}"]
    if example.query:
        pairs = (pair.partition("=")[::2] for pair in example.query.split("&"))
        lines.append(f"params={_literal(dict(pairs))}")
    if example.body is not None:
        lines.append(f"json={_literal(example.body)}")
    files = {name: value[1:] for name, value in (example.form or {}).items() if value.startswith("@")}
    data = {name: value for name, value in (example.form or {}).items() if not value.startswith("@")}
    if data:
        lines.append("data={" + ", ".join(f'"{name}": {_value(value)}' for name, value in data.items()) + "}")
    if files:
        lines.append("files={" + ", ".join(f'"{name}": open("{file}", "rb")' for name, file in files.items()) + "}")
    used = [("import os", any("os.environ" in line for line in lines)), ("import pathlib", bool(example.saved))]
    imports = [line for line, needed in used if needed]
    imports += [""] if imports else []
    kept = [f'pathlib.Path("{example.saved}").write_bytes(answer.content)'] if example.saved else []
    shown_answer = (
        "answer.status_code" if example.status == 204 or example.saved else "answer.status_code, answer.json()"
    )
    call = [f"answer = requests.{method.lower()}(", *(f"{INDENT}{line}," for line in lines), ")"]
    return "\n".join([*imports, "import requests", "", *call, *kept, f"print({shown_answer})"])


def _value(text: str) -> str:
    """Return a text, or the variable of the shell that it stands for."""
    return f'os.environ["{text[1:]}"]' if text.startswith("$") else json.dumps(text, ensure_ascii=False)


def _literal(given: Mapping[str, Any]) -> str:
    """Return a dictionary as Python writes it."""
    values: Iterable[str] = (f"{json.dumps(name)}: {value_of(value)}" for name, value in given.items())
    return "{" + ", ".join(values) + "}"


def value_of(value: Any) -> str:
    if isinstance(value, Mapping):
        return _literal(value)
    if isinstance(value, list):
        return f"[{', '.join(map(value_of, value))}]"
    return _value(value) if isinstance(value, str) else repr(value)
