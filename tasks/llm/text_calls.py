"""Function calls that a model wrote as text, read as leniently as they are written.  Pure.

Models of each family were taught marks of their own for calls.  A server that knows them takes the calls out
of the text; one that does not, or whose parser stumbles, leaves them there.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from tasks import exact_json
from tasks.llm.chat import Json, ToolCall
from tasks.llm.replies import json_values, written_json

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


# A label stands at the beginning of a line, perhaps dressed up: "**Action:** `name`".
_DRESS = r"[ \t>*_#`-]*"
_ACTION = re.compile(
    rf"^{_DRESS}Action{_DRESS}[:\uff1a]{_DRESS}(?P<name>[^\n]*)$", re.IGNORECASE | re.MULTILINE
)
_INPUT = re.compile(
    rf"^{_DRESS}(?:Action[ _-]?)?(?:Input|Arguments|Parameters){_DRESS}[:\uff1a][ \t*_]*",
    re.IGNORECASE | re.MULTILINE,
)
_OBSERVATION = re.compile(rf"^{_DRESS}Observation{_DRESS}:", re.IGNORECASE | re.MULTILINE)
_THOUGHT = re.compile(rf"^{_DRESS}Thought{_DRESS}:[ \t*_]*", re.IGNORECASE | re.MULTILINE)
_LABEL_AT_THE_END = re.compile(rf"^{_DRESS}Action{_DRESS}:{_DRESS}\Z", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(r"[\w./:-]+")
_NONE = frozenset({"none", "n/a", "na", "no", "nothing"})

# What stands between such marks is read by `_within`, whichever marks they are.
_TAGS = r"(?:\w+:|longcat_)?(?:tool_?calls?|function_?calls?)"
_MARKED = re.compile(
    # Qwen, Hermes, GLM, MiniMax, Seed, Granite, Nemotron, Jamba; the end may be missing.
    rf"<(?P<tag>(?i:{_TAGS}))(?P<attributes>\s[^<>]*)?>(?P<tagged>.*?)(?:</(?P=tag)>|(?=<(?P=tag)[\s>])|\Z)"
    # Llama, Groq, Qwen3-Coder without its outer tag; Anthropic, DeepSeek V3.2, Step.
    r"|(?P<function><function[=( ].*?(?:</function>|(?=<function[=( ])|\Z))"
    r"|(?P<invoke><(?:\w+:|\uff5cDSML\uff5c)?invoke name=.*?(?:</(?:\w+:|\uff5cDSML\uff5c)?invoke>|\Z))"
    # Kimi, DeepSeek.
    r"|<[|\uff5c]tool[_▁]call[_▁]begin[|\uff5c]>(?P<section>.*?)(?:<[|\uff5c]tool[_▁]calls?[_▁]end[|\uff5c]>|\Z)"
    # Mistral.
    r"|\[TOOL_CALLS\](?P<listed>.*?)(?=\[TOOL_CALLS\]|</s>|\Z)"
    # gpt-oss.
    r"|(?P<channelled>\bto=(?:functions\.)?[\w.:-]+.*?)(?:<\|call\|>|<\|end\|>|<\|start\|>|\Z)"
    # Llama 3 and 4, LFM, Granite, Phi, Cohere, InternLM, Gemma.
    r"|<\|(?P<piped>python_tag|python_start|tool_call_start|tool_call|START_ACTION|action_start)\|>"
    r"(?P<code>.*?)(?:<\|(?:python_end|eom_id|eot_id|tool_call_end|/tool_call|END_ACTION|action_end)\|>|\Z)"
    r"|functools(?P<functools>\[.*)"
    r"|(?:<\|tool_call>|<start_function_call>)(?P<gemma>.*?)(?:<tool_call\|>|<end_function_call>|\Z)"
    r"|```tool_code(?P<tool_code>.*?)(?:```|\Z)",
    re.DOTALL,
)
_A_MARK = re.compile(
    rf"<{_TAGS}[\s>]|<function[=( ]|invoke name=|[_▁]call[_▁]begin|\[TOOL_CALLS\]|\bto=|<\|[\w/]+\|>"
    rf"|functools\[|<\|tool_call>|<start_function_call>|```tool_code|^{_DRESS}Action{_DRESS}:",
    re.IGNORECASE | re.MULTILINE,
)
_NO_CONTENTS = frozenset({"tag", "attributes", "piped"})
_NAMED = re.compile(r"\sname=[\"']?(?P<name>[\w./:-]+)")
# What may follow a value that ends a text; looked for in so many last characters.
_BEHIND = re.compile(r"(?:\s|```|</\w+>|<\|\w+\|>)*\Z")
_FUNCTION = re.compile(
    r"<function(?:=|\(|\s+name=)\"?(?P<name>[\w./:-]+)\"?\)?>?(?P<body>.*?)"
    r"(?:</function>|(?=<function[=( ])|\Z)"
    r"|<(?:\w+:|\uff5cDSML\uff5c)?invoke name=\"(?P<invoked>[^\"]+)\">(?P<parameters>.*?)"
    r"(?:</(?:\w+:|\uff5cDSML\uff5c)?invoke>|\Z)",
    re.DOTALL,
)
_PARAMETER = re.compile(
    r"<(?:\w+:|\uff5cDSML\uff5c)?parameter(?:=|\s+name=)\"?(?P<name>[^<>\"]+?)\"?(?P<attributes>\s+[^<>]*)?>"
    r"(?P<value>.*?)"
    r"(?:</(?:\w+:|\uff5cDSML\uff5c)?parameter>|(?=<(?:\w+:|\uff5cDSML\uff5c)?parameter[= ])|\Z)",
    re.DOTALL,
)
_GLM = re.compile(
    r"<arg_key>(?P<name>.*?)</arg_key>\s*<arg_value>(?P<value>.*?)(?:</arg_value>|(?=<arg_key>)|\Z)",
    re.DOTALL,
)
_HEAD = re.compile(
    r"\s*(?:to=|call:)?(?:(?:function)?<[|\uff5c]tool[_▁]sep[|\uff5c]>)?\s*(?P<name>[\w./-]+(?::\d+)?)"
    r"(?:\[CALL_ID\]\w*)?(?:\[ARGS\]|<[|\uff5c][\w▁]+[|\uff5c]>|commentary|analysis|json|code|```|\s|:)*(?=\{|\Z)"
)
_OPENS_CALLS = re.compile(
    r"(?:<\|start\|>assistant\s*(?:<\|channel\|>\s*\w+)?|<\|channel\|>\s*\w+|^commentary"
    r"|<[|\uff5c/]?[\w▁:\uff5c]+[|\uff5c]?>)\s*\Z",
    re.MULTILINE,
)
_GEMMA_QUOTES = re.compile(r"<\|\"\|>|<escape>")

_NAME_KEYS = ("name", "function", "action", "tool", "tool_name", "function_name")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "action_input", "input", "tool_input")
_LIST_KEYS = ("tool_calls", "calls", "actions")
_THOUGHT_KEYS = ("thought", "reasoning")
_DECODER = json.JSONDecoder()


def read_calls(
    text: str, offered: Offered, *, left_over: bool = False
) -> tuple[str | None, tuple[ToolCall, ...]]:
    """(what was said beside the calls, the calls).

    `Action:` / `Action Input:` first, then calls between marks (`<tool_call>` and the like), then JSON
    or code that calls a function on offer.  Anything behind an `Observation:` was made up by the model and
    is left out.  left_over: the model was not asked to write calls as text; then only what can be nothing
    else is one: it calls a function on offer, and ends the text or stands between marks.
    """
    invented = _OBSERVATION.search(text)
    said = text if invented is None else text[: invented.start()]
    found = (
        _labelled(said, offered, left_over)
        or _marked(said, offered)
        or _bare(said, offered, left_over)
        or coded(said, offered, left_over)
    )
    if found is None or (left_over and not any(name in offered for name, _ in found[1])):
        return (text if left_over else _THOUGHT.sub("", said).strip() or None), ()
    thought, calls = found
    return _THOUGHT.sub("", thought).strip() or None, tuple(ToolCall("", *call) for call in calls)


def may_hold_calls(text: str) -> bool:
    """A cheap look: whether a text that should hold none is worth reading."""
    return _A_MARK.search(text) is not None or _last_sign(text) in {"]", "}", ")"}


def _last_sign(text: str) -> str:
    """The last character before marks and blanks."""
    tail = text[-_TAIL:]
    behind = _BEHIND.search(tail)
    return tail[: len(tail) if behind is None else behind.start()][-1:]


def _labelled(text: str, offered: Offered, left_over: bool) -> Found | None:
    """The first action; later ones stand on observations that were never made."""
    action = _ACTION.search(text)
    line = "" if action is None else action["name"].strip("`\"' *")
    first = _NAME.match(line)
    if action is None or first is None or first[0].lower() in {*_NONE, "json"} - set(offered):
        return None  # "json" is the language of a fence, which is read below
    following = _ACTION.search(text, action.end())
    rest = text[action.end() : None if following is None else following.start()]
    label = _INPUT.search(rest)
    if left_over and label is None:
        return None
    meant = (name_on_offer(word, offered) for word in _NAME.findall(re.split(r"[(\[]", line, maxsplit=1)[0]))
    name = next((name for name in meant if name in offered), first[0])
    given = rest if label is None else rest[label.end() :]
    if label is not None and given.strip(" `*\n.").lower() not in {"", "null", *_NONE}:
        return text[: action.start()], [(name, _arguments_in(given))]
    bracket = re.search(r"[(\[]", line)
    if bracket is not None:
        # What stands in them where it cannot be read: the search says what is wrong with it.
        code = up_to_bracket(line + rest) if label is None else line
        inside = re.sub(r"[)\]]\s*\Z", "", code[bracket.end() :]).strip()
        calls = calls_in_code(code if bracket[0] == "(" else f"{name}({inside})", offered)
        return text[: action.start()], calls or [(name, inside or "{}")]
    return text[: action.start()], [(name, "{}" if label is not None else _arguments_in(given))]


def _arguments_in(text: str) -> str:
    """The JSON object that was written, with others that follow it; as it stands where it does not parse."""
    start = text.find("{")
    if start < 0:
        return text.strip() or "{}"
    end = start
    try:
        while text[end:].lstrip().startswith("{"):
            _, end = _DECODER.raw_decode(text, text.index("{", end))
    except (ValueError, RecursionError):
        rest = text[start:].rstrip()
        closing = re.search(r"(?:```|</\w{1,40}>)\Z", rest[-_TAIL:])
        return rest if closing is None else rest.removesuffix(closing[0]).rstrip()
    return text[start:end]


def _marked(text: str, offered: Offered) -> Found | None:
    calls: Calls = []
    begin: int | None = None
    for mark in _MARKED.finditer(text):
        groups = mark.groupdict().items()
        inner = next((group for name, group in groups if group and name not in _NO_CONTENTS), "")
        if mark["attributes"] and (named := _NAMED.search(mark["attributes"])):
            inner = f'<invoke name="{named["name"]}">{inner}'
        found = _within(inner, offered)
        begin = mark.start() if begin is None and found else begin
        calls += found
    return None if begin is None else (_OPENS_CALLS.sub("", text[:begin]), calls)


def _within(text: str, offered: Offered) -> Calls:
    """The calls between two marks."""
    if "invoke name=" in text or "<function" in text:
        return [call for part in _FUNCTION.finditer(text) for call in _of_function(part, offered)]
    text = text.replace("<longcat_", "<").replace("</longcat_", "</") if "longcat_" in text else text
    if "<arg_key>" in text:
        name = name_on_offer(text.partition("<arg_key>")[0].strip(), offered)
        return [(name, _written(_GLM.finditer(text), name, offered))]
    if text.lstrip().startswith("<") and (nested := _MARKED.match(text.lstrip())) and nested["tagged"]:
        return (_marked(text, offered) or ("", []))[1]
    head = _HEAD.match(text)
    name = "" if head is None else name_on_offer(head["name"], offered)
    if head is not None and name in offered:
        return [(name, _arguments_in(_GEMMA_QUOTES.sub('"', text[head.end() :])))]
    in_json = [call for _, _, value in json_values(text) for call in _calls_of(value, offered)]
    return in_json or calls_in_code(text, offered)


def _of_function(part: re.Match[str], offered: Offered) -> Calls:
    name = name_on_offer(part["name"] or part["invoked"], offered)
    body = part["body"] or part["parameters"] or ""
    if "parameter" in body and _PARAMETER.search(body) is not None:
        return [(name, _written(_PARAMETER.finditer(body), name, offered))]
    return [(name, _arguments_in(body))]


def _written(parts: Iterator[re.Match[str]], name: str, offered: Offered) -> str:
    """Arguments of which each was written as text between tags."""
    schema = offered.get(name) if isinstance(offered, Mapping) else None
    properties = (schema or {}).get("properties")
    known: Json = properties if isinstance(properties, dict) else {}
    arguments: Json = {}
    for part in parts:
        key = part["name"].strip()
        attributes = part.groupdict().get("attributes") or ""
        arguments[key] = _value(part["value"], _is_text(attributes, known.get(key)))
    return written_json(arguments)


def _is_text(attributes: str, schema: Any) -> bool | None:
    """Whether the value is text; None when nobody says."""
    if "string=" in attributes:
        return 'string="true"' in attributes
    declared = schema.get("type") if isinstance(schema, dict) else None
    if declared is None:
        return None
    return declared == "string" or (isinstance(declared, list) and "string" in declared)


def _value(text: str, is_text: bool | None) -> Any:
    """Tags often stand in lines of their own.  What nobody calls text is JSON where it looks so."""
    text = text.removeprefix("\n").removesuffix("\n")
    if is_text or (is_text is None and not re.match(r"\s*[\[{]|\s*(?:true|false|null)\s*\Z", text)):
        return text
    try:
        return exact_json.loads(text)
    except ValueError:
        return text


def _bare(text: str, offered: Offered, left_over: bool) -> Found | None:
    """JSON that names a function."""
    if left_over and _last_sign(text) not in {"]", "}"}:
        return None
    values = [(value, start) for start, _, value in json_values(text)]
    calls = [call for value, _ in values for call in _calls_of(value, offered)]
    if not calls:
        return None
    begin = next(start for value, start in values if any(_calls_of(value, offered)))
    first = next(value for value, start in values if start == begin)
    within = first if isinstance(first, dict) else {}
    thought = next((within[key] for key in _THOUGHT_KEYS if isinstance(within.get(key), str)), "")
    before = _LABEL_AT_THE_END.sub("", re.sub(r"```\w*\s*\Z", "", text[:begin]))
    return f"{before}\n{thought}", calls


def _calls_of(value: Any, offered: Offered) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _calls_of(item, offered)
        return
    if not isinstance(value, dict):
        return
    inner = next((value[key] for key in _LIST_KEYS if isinstance(value.get(key), list)), None)
    if inner is not None:
        yield from _calls_of(inner, offered)
    elif isinstance(value.get("function"), dict):
        yield from _calls_of(value["function"], offered)
    else:
        yield from _call_of(value, offered)


def _call_of(value: Json, offered: Offered) -> Iterator[tuple[str, str]]:
    given = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
    if given is None and len(value) == 1:  # {"get_weather": {"city": "Oslo"}}
        ((name, arguments),) = value.items()
        if name_on_offer(name, offered) in offered and isinstance(arguments, dict):
            yield name_on_offer(name, offered), written_json(arguments)
        return
    name = name_on_offer(given or "", offered)
    key = next((key for key in _ARGUMENT_KEYS if key in value), None)
    if not name or (key is None and name not in offered):
        return
    arguments = {} if key is None or value[key] is None else value[key]
    yield name, arguments if isinstance(arguments, str) else written_json(arguments)
