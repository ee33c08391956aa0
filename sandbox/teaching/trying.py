"""Gives the arguments of a call that only finds out whether an API works."""

from __future__ import annotations

import re
from typing import Any

from sandbox.teaching.functions import Function, Offers
from sandbox.teaching.mend import mended
from sandbox.teaching.observation import Observation
from sandbox.teaching.parameter import Parameter
from sandbox.teaching.serving import as_function
from sandbox.teaching.stages import Trying
from sandbox.teaching.values import Chooser
from sandbox.teaching.words import name_stems

Json = dict[str, Any]

_STATUS = re.compile(r"^\w+ \((\d{3})\)")
_SECRETS = frozenset(name_stems("key token password passwd secret authorization credential"))


def arguments_to_try(task: Trying, digest: str) -> Json:
    """Values for the wanted parameters, after a refusal those it asks for.  digest: of the request."""
    function = Offers().of([as_function(task.document)]).functions[0]
    if task.tried:
        better = _mended(function, *task.tried[-1], digest)
        if better is not None:
            return better
    chooser = Chooser(digest, "try")
    values = {
        parameter.name: chooser.value(parameter)
        for parameter in function.parameters
        if parameter.name in task.wanted and not _is_secret(parameter)
    }
    return {name: value for name, value in values.items() if value is not None}


def _mended(function: Function, arguments: Json, answer: str, digest: str) -> Json | None:
    status = _STATUS.match(answer)
    refused = Observation(answer, status=int(status[1]) if status else None)
    return mended(function, arguments, refused, (), digest)


def _is_secret(parameter: Parameter) -> bool:
    return not _SECRETS.isdisjoint(parameter.stems)
