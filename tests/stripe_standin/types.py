"""Checks of what is sent and answered against the types of the pinned SDK: an invented field or value is refused."""

import copy
import importlib
import typing
from decimal import Decimal
from functools import cache

import typing_extensions
from stripe import ListObject, StripeObject


class Misfit(AssertionError):
    """A value that the SDK's types do not allow."""


class Names(dict):
    """What names in annotations mean; those that are imported for type checkers alone mean anything."""

    def __missing__(self, name):
        return typing.Any


def resolve(text, owner):
    names = Names(
        vars(typing) | vars(typing_extensions) | vars(importlib.import_module(owner.__module__)) | vars(owner)
    )
    for part in owner.__qualname__.split(".")[:-1]:
        names.update(vars(names[part]) if isinstance(names[part], type) else {})
    return eval(text, {"__builtins__": {"str": str, "int": int, "bool": bool, "float": float}}, names)


@cache
def fields(owner):
    """The fields of a class of the SDK, with what they may be."""
    found = {}
    for each in reversed(owner.__mro__):
        for name, hint in vars(each).get("__annotations__", {}).items():
            if not name.startswith("_") and typing.get_origin(hint) is not typing.ClassVar and name != "OBJECT_NAME":
                found[name] = (hint, each)
    return found


def check(value, hint, owner, where, sent=False):
    """Raise Misfit unless a value is what an annotation allows. What is `sent` comes as text from a form."""
    if isinstance(hint, str | typing.ForwardRef):
        hint = resolve(hint if isinstance(hint, str) else hint.__forward_arg__, owner)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any or isinstance(hint, typing.TypeVar):
        return
    if origin in (typing_extensions.NotRequired, typing.NotRequired, typing_extensions.Required):
        return check(value, args[0], owner, where, sent)
    if origin is typing.Union or type(hint).__name__ == "UnionType":
        problems = []
        for each in args:
            try:
                return check(value, each, owner, where, sent)
            except Misfit as error:
                problems.append(str(error))
        raise Misfit(f"{where}: {value!r} fits none of {problems}")
    if origin in (typing.Literal, typing_extensions.Literal):
        if value not in args and not (sent and value in map(str, args)):
            raise Misfit(f"{where}: {value!r} is none of {args}")
        return
    if origin is list:
        items = list(value.values()) if sent and isinstance(value, dict) else value
        if not isinstance(items, list):
            raise Misfit(f"{where}: {value!r} is no list")
        for each in items:
            check(each, args[0], owner, f"{where}[]", sent)
        return
    if isinstance(origin, type) and issubclass(origin, ListObject):
        if not isinstance(value, dict) or value.get("object") != "list":
            raise Misfit(f"{where}: {value!r} is no list object")
        return
    if origin is dict or (isinstance(origin or hint, type) and (origin or hint).__name__ == "UntypedStripeObject"):
        if not isinstance(value, dict):
            raise Misfit(f"{where}: {value!r} is no object")
        return
    if hint in (None, type(None)):
        if value is not None:
            raise Misfit(f"{where}: {value!r} is not nothing")
        return
    if isinstance(hint, type) and (issubclass(hint, StripeObject) or hasattr(hint, "__total__")):
        return check_object(value, hint, where, sent)
    if isinstance(hint, type) and hint in (str, int, bool, float, Decimal):
        if sent:
            fits = {int: str.isdigit, bool: lambda text: text in ("true", "false")}.get(hint, lambda text: True)
            right = isinstance(value, str) and fits(value)
        else:
            right = isinstance(value, {Decimal: str}.get(hint, hint)) and not (hint is int and isinstance(value, bool))
        if not right:
            raise Misfit(f"{where}: {value!r} is no {hint.__name__}")


def check_object(value, owner, where, sent=False):
    if not isinstance(value, dict):
        raise Misfit(f"{where}: {value!r} is no object")
    known = fields(owner)
    if strange := set(value) - set(known) - {"object"}:
        raise Misfit(f"{where}: the SDK knows no {sorted(strange)}")
    for name, each in value.items():
        if name in known:
            check(each, *known[name], f"{where}.{name}", sent)


def empty(hint, owner):
    """The least that an annotation allows."""
    if isinstance(hint, str | typing.ForwardRef):
        hint = resolve(hint if isinstance(hint, str) else hint.__forward_arg__, owner)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or type(hint).__name__ == "UnionType":
        return None if type(None) in args else empty(args[0], owner)
    if origin in (typing.Literal, typing_extensions.Literal):
        return args[0]
    if origin is list:
        return []
    if isinstance(origin, type) and issubclass(origin, ListObject):
        return {"object": "list", "data": [], "has_more": False, "url": "/"}
    if origin is dict or (isinstance(origin or hint, type) and (origin or hint).__name__ == "UntypedStripeObject"):
        return {}
    if isinstance(hint, type) and issubclass(hint, StripeObject):
        return whole(hint)
    return {str: "", int: 0, bool: False, float: 0.0, Decimal: "0"}.get(hint)


@cache
def _whole(owner):
    return {name: empty(*hint) for name, hint in fields(owner).items() if name != "deleted"}


def whole(owner, **values):
    """An object with every field of its class, as Stripe answers it, and these values in it."""
    made = copy.deepcopy(_whole(owner)) | values
    if name := getattr(owner, "OBJECT_NAME", ""):
        made["object"] = name
    return made


@cache
def params(name):
    """The class of what a request may say: `params("SubscriptionUpdateParams")`."""
    import stripe.params as known

    for module in (
        known,
        importlib.import_module("stripe.params.checkout"),
        importlib.import_module("stripe.params.billing_portal"),
    ):
        if hasattr(module, name):
            return getattr(module, name)
    raise LookupError(name)
