"""A well-behaved MCP server, made with the SDK: `python mcp_facts.py`."""

from __future__ import annotations

import sys
from typing import Literal

from mcp.server import MCPServer
from mcp_types import ToolAnnotations

READS = ToolAnnotations(read_only_hint=True)
CAPITALS = {"France": "Paris", "Japan": "Tokyo", "Kenya": "Nairobi"}
MOONS = {"Earth": 1, "Mars": 2, "Neptune": 16}
METALS = {"gold": 19.32, "iron": 7.87, "lead": 11.34}

server = MCPServer("facts", instructions="Facts about countries, planets and metals.")


@server.tool(annotations=READS)
def capital(country: Literal["France", "Japan", "Kenya"]) -> dict[str, str]:
    """The capital city of a country."""
    return {"country": country, "capital": CAPITALS[country]}


@server.tool(annotations=READS)
def moons(planet: Literal["Earth", "Mars", "Neptune"] = "Mars") -> dict[str, str | int]:
    """How many moons a planet has."""
    return {"planet": planet, "moons": MOONS[planet]}


@server.tool(annotations=READS)
def metals() -> dict[str, float]:
    """The density of every metal on record, in grams per cubic centimetre."""
    return METALS


@server.tool(annotations=READS)
def weight(metal: Literal["gold", "iron", "lead"], volume: float = 10) -> dict[str, str | float]:
    """What a volume of a metal weighs, in grams; the volume is in cubic centimetres."""
    return {"metal": metal, "volume": volume, "weight": round(METALS[metal] * volume, 2)}


@server.tool()
def forget(country: str) -> str:
    """Forgets a country for good."""
    del CAPITALS[country]
    return f"{country} is forgotten"


if __name__ == "__main__":
    sys.stderr.write("facts: started\n")
    server.run("stdio")
