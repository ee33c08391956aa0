"""Arguments that are worth trying: after an error those that its message asks for."""

from __future__ import annotations

import re
from typing import Any

from sandbox.teacher.documents import (
    Api,
    Parameter,
    name_stems,
    of_document,
    spoken,
)
from sandbox.teacher.observations import Observation
from sandbox.teacher.prompts import (
    Trying,
)
from sandbox.teacher.values import value_for

Json = dict[str, Any]


_BEYOND_ARGUMENTS = re.compile(
    r"unauthori[sz]ed|forbidden|api key|subscri|timed? ?out|server error|unavailable|rate limit"
    r"|too many requests|quota|connection|overloaded|html page|too large|blocked|read-only",
    re.IGNORECASE,
)
_ABOUT_ARGUMENTS = re.compile(
    r"\b(?:invalid|unknown|not found|no such|must|missing|required|parameter|argument|expected|unsupported"
    r"|valid|range|between|format|should|exist|recogni[sz]ed|wrong|bad|malformed)",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"(?:did you mean|try|e\.g\.|for example|such as|nearest|one of|allowed|choose from|known \w+|options"
    r"|valid \w+|must be|should be|expected)(?: are| is)?[\s:(\[]*([^)\]\n;]{1,300})",
    re.IGNORECASE,
)
_NUMBER = r"(-?\d+(?:\.\d+)?)"


def mended_arguments(api: Api, arguments: Json, refused: Observation, *seed: object) -> Json | None:
    """Other arguments worth trying after such an error, None where another value would not help."""
    message, status = refused.error or "", refused.status
    if _BEYOND_ARGUMENTS.search(message) or status not in {None, 400, 404, 406, 409, 422}:
        return None
    if status is None and not _ABOUT_ARGUMENTS.search(message):
        return None

    def blamed(parameter: Parameter) -> bool:
        names = "|".join(re.escape(name) for name in (parameter.name, spoken(parameter.name)) if name)
        value = str(arguments.get(parameter.name, ""))
        quoted = len(value) > 1 and value.lower() in message.lower()
        return quoted or bool(re.search(rf"(?<!\w)(?:{names})(?!\w)", message, re.IGNORECASE))

    named = sorted(filter(blamed, api.parameters), key=lambda parameter: parameter.name in arguments)
    guesses = [one for one in api.parameters if one.kind == "string" and one.name in arguments]
    for parameter in named or guesses:
        tried = arguments.get(parameter.name)
        for value in _offered_values(api, parameter, tried, message, *seed):
            fitted = parameter.fit(value)
            if fitted is not None and str(fitted) != str(tried):
                return {**arguments, parameter.name: fitted}
    return None


def _offered_values(api: Api, parameter: Parameter, tried: Any, message: str, *seed: object) -> list[Any]:
    """Values within the bounds that the message states, those it offers, then those the documents show."""
    offered: list[Any] = []
    if parameter.kind in {"number", "integer"}:
        span = re.search(rf"(?:between|from) {_NUMBER} (?:and|to) {_NUMBER}", message, re.IGNORECASE)
        least = re.search(rf"(?:at least|greater than(?: or equal to)?|minimum|>=?)\s*{_NUMBER}", message)
        most = re.search(
            rf"(?:at most|less than(?: or equal to)?|maximum|no more than|<=?)\s*{_NUMBER}", message
        )
        low, high = (span[1], span[2]) if span else (least and least[1], most and most[1])
        over = isinstance(tried, (int, float)) and high is not None and tried > float(high)
        offered += [high, low] if over else [low, high]
        offered = [value for value in offered if value is not None]
    found = _OFFER.search(message)
    if found:
        quoted = re.findall(r"[\"'`]([^\"'`]{1,60})[\"'`]", found[1])
        bare = [part.strip(" .:;()[]") for part in re.split(r",\s*|\s+or\s+|\s+and\s+", found[1])]
        offered += quoted or [part for part in bare if re.fullmatch(r"[\w+.:/-]{1,40}", part)]
    return [*offered, *parameter.shown, *parameter.enum, value_for(api, parameter, *seed, "mended")]


def arguments_to_try(task: Trying, digest: str) -> Json:
    """Values for the wanted parameters, after a refusal those it asks for.  digest: of the request."""
    api = of_document(task.document)
    if task.tried:
        arguments, said_back = task.tried[-1]
        status = re.match(r"^\w+ \((\d{3})\)", said_back)
        refused = Observation(said_back, status=int(status[1]) if status else None)
        mended = mended_arguments(api, arguments, refused, digest)
        if mended is not None:
            return mended
    secret = set(name_stems("key token password passwd secret authorization credential"))
    values = {
        parameter.name: value_for(api, parameter, digest, "try")
        for parameter in api.parameters
        if parameter.name in task.wanted and not secret & set(name_stems(parameter.name))
    }
    return {name: value for name, value in values.items() if value is not None}
