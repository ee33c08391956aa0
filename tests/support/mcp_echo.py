"""An MCP server that says its environment wherever it says anything: `python mcp_echo.py`, with TOKEN."""

from __future__ import annotations

import base64
import json
import os
import sys
from typing import Any

KEY = os.environ.get("TOKEN", "")
SAID = f"{KEY} {base64.b64encode(KEY.encode()).decode()} {KEY.encode().hex()}"


def _answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "echo", "version": "1"},
            "instructions": f"Ask for the sky with {SAID}.",
        }
    if method == "tools/list":
        city = {"type": "string", "description": f"A city, or {SAID}", "examples": ["Oslo"]}
        schema = {"type": "object", "properties": {"city": city}, "required": ["city"]}
        listed = {"name": "sky", "description": f"Tells the sky ({SAID}).", "inputSchema": schema}
        return {"tools": [{**listed, "annotations": {"readOnlyHint": True}}]}
    if method == "tools/call":
        said = {"sky": "clear", "asked_with": KEY, "environment": json.dumps(dict(os.environ)), "all": SAID}
        return {"content": [{"type": "text", "text": json.dumps(said)}]}
    return {}


def main() -> None:
    sys.stderr.write(f"started with {SAID}\n")
    # A line longer than is kept of one, with the key where it is cut.
    sys.stderr.write(
        "x " * 120 + "y" * (16 - len(KEY) // 2) + KEY + "z" * 20_000 + KEY + " " + "w" * 230 + "\n"
    )
    sys.stderr.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            result = _answer(asked["method"], asked.get("params") or {})
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
