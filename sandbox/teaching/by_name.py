"""A function that the person asks for by its name: called with the names that the person gives."""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.teaching.reply import Call, Reply

Json = dict[str, Any]
# A word with a capital that does not begin the sentence.
_PROPER_NAME = re.compile(r"(?<=[a-z,] )[A-Z]\w+")


def named_function(request: Json, said: str) -> Json | None:
    """The function of `tools` whose name the person says."""
    if request.get("tool_choice") == "none":
        return None
    functions = (tool.get("function") or {} for tool in request.get("tools") or ())
    return next((function for function in functions if str(function.get("name")) in said), None)


def called_by_name(function: Json, said: str) -> Reply:
    """Its required parameters take the proper names in order; those left over are left out."""
    required = (function.get("parameters") or {}).get("required") or ()
    given = _PROPER_NAME.findall(said.replace(str(function["name"]), ""))
    arguments = dict(zip(required, given, strict=False))
    return Reply(calls=(Call(str(function["name"]), json.dumps(arguments, ensure_ascii=False)),))
