"""Screens of the APIs that an instruction says it needs."""

from __future__ import annotations

from tasks.instructions.screens.instruction import Screened


def no_relevant_api(instruction: Screened) -> str | None:
    return None if instruction.found or instruction.unknown else "names no API that it needs"


def hallucinated_api(instruction: Screened) -> str | None:
    named = ", ".join(f"{name.tool_name!r}: {name.api_name!r}" for name in instruction.unknown)
    return f"not among the offered APIs: {named}" if named else None


def too_few_apis(instruction: Screened) -> str | None:
    """A set with fewer APIs than `[instruct] min_apis` asks no more of an instruction than it has."""
    least = min(instruction.params.min_apis, len(instruction.offered))
    n_apis = len(instruction.found)
    return f"needs {n_apis} APIs, at least {least} wanted" if n_apis < least else None


def not_multi_tool(instruction: Screened) -> str | None:
    """Sets of several tools are drawn for instructions that need several."""
    tools = {api.api_id.rpartition("/")[0] for api in instruction.found}
    return None if instruction.scenario == "G1" or len(tools) >= 2 else f"needs {', '.join(tools)} alone"
