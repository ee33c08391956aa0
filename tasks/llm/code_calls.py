"""Function calls that a model wrote as code, and the functions that it means by names.  Pure.

Nothing of it is executed: code is parsed, and anything but literals as arguments makes it no call.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from tasks import exact_json
from tasks.llm.chat import Json

_CODE_BEGINS = re.compile(
    r"(?:(?P<list>\[\s*)|(?P<fence>```\w*\s*)|^[ \t]*)(?P<name>[A-Za-z_][\w.]*)\(", re.MULTILINE
)
_CODE_ENDS = re.compile(r"\)\s*\]?\s*(?:```)?\Z")
_TAIL = 100
_MOST_CODE_READ = 20
_CONSTANTS = {"true": True, "false": False, "null": None}
_LONGEST_CODE = 50_000

Offered = Collection[str] | Mapping[str, Json]
"""The names on offer, perhaps with the JSON schemas of their arguments."""

Calls = list[tuple[str, str]]
"""Names, and arguments as text."""

Found = tuple[str, Calls]
"""What was said before calls, and these."""


class _NotACall(Exception):
    """The code is something else."""


def written_json(value: Any) -> str:
    """Compact JSON text of what a model wrote, whatever its numbers and characters."""
    try:
        return exact_json.dumps(value).decode()
    except TypeError:
        return exact_json.text_of(value)


def name_on_offer(name: str, offered: Collection[str]) -> str:
    """The name that is meant, without what servers and models put around it; as it is where none is on offer.

    Blanks and quotes, marks of the template behind it (`name<|channel|>commentary`), what it belongs to
    before it (`functions.name`), the number of the call behind it (`functions.name:0`), brackets (`name()`).
    """
    if name in offered:
        return name
    bare = name.partition("<|")[0].strip(" \t\r\n\"'`*").removesuffix("()")
    bare = re.sub(r"\A(?:functions?|default_api)[.:/]", "", bare)
    return next((meant for meant in (bare, re.sub(r":\d+\Z", "", bare)) if meant in offered), name)


def coded(text: str, offered: Offered, left_over: bool) -> Found | None:
    """Calls as code: `[get_weather(city="Oslo")]`, alone or at the end of the text."""
    whole = text.strip()
    if _CODE_ENDS.search(whole[-_TAIL:]) is None:
        return None
    calls = calls_in_code(whole, offered)
    if calls:
        return "", calls
    for opening in islice(_CODE_BEGINS.finditer(whole), _MOST_CODE_READ):
        is_amid = opening["list"] is None and opening["fence"] is None
        if name_on_offer(opening["name"], offered) in offered and not (left_over and is_amid):
            calls = calls_in_code(whole[opening.start() :], offered)
            if calls:
                return whole[: opening.start()], calls
    return None


def calls_in_code(text: str, offered: Offered) -> Calls:
    """Calls of functions on offer, arguments by name or in one dict; none where anything else is there."""
    code = text.strip()
    if code.startswith("```"):
        code = re.sub(r"\A```\w*", "", code)
    code = code.removesuffix("```").strip("` *\n")
    if "(" not in code or len(code) > _LONGEST_CODE:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code, mode="exec")
        return [call for statement in tree.body for call in _of_statement(statement, code, offered)]
    except (_NotACall, SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _of_statement(statement: ast.stmt, code: str, offered: Offered) -> Iterator[tuple[str, str]]:
    value = getattr(statement, "value", None)
    parts = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    for part in parts:
        if not isinstance(part, ast.Call):
            raise _NotACall
        printed = isinstance(part.func, ast.Name) and part.func.id == "print" and bool(part.args)
        inner = part.args[0] if printed else part
        if not isinstance(inner, ast.Call):
            raise _NotACall
        yield _of_call(inner, code, offered)


def _of_call(call: ast.Call, code: str, offered: Offered) -> tuple[str, str]:
    name = name_on_offer(ast.unparse(call.func).removesuffix(".call"), offered)
    if name not in offered:
        raise _NotACall
    given = [_literal(argument, code) for argument in call.args]
    named = {str(keyword.arg): _literal(keyword.value, code) for keyword in call.keywords}
    if len(given) == 1 and isinstance(given[0], dict) and not named:
        named = given[0]
    elif given or None in {keyword.arg for keyword in call.keywords}:
        raise _NotACall
    return name, written_json(named)


def _literal(node: ast.expr, code: str) -> Any:
    """The value of a literal, JSON's own constants among them."""
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        return _CONSTANTS[node.id]
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item, code) for item in node.elts]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(ast.literal_eval(key)): _literal(value, code) for key, value in pairs if key is not None}
    text = ast.get_source_segment(code, node) or ""
    if exact_json.is_number(text):
        return exact_json.number_of(text)
    value = ast.literal_eval(node)
    if not isinstance(value, str | int | float | bool | None):
        raise _NotACall
    return value


def up_to_bracket(code: str) -> str:
    """The code up to the bracket that closes its first one."""
    depth, quote, is_escaped = 0, "", False
    for at, sign in enumerate(code):
        if quote:
            quote = "" if sign == quote and not is_escaped else quote
            is_escaped = sign == "\\" and not is_escaped
        elif sign in "\"'":
            quote, is_escaped = sign, False
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
            if depth == 0:
                return code[: at + 1]
    return code.partition("\n")[0]
