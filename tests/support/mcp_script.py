"""A small MCP server over stdio that misbehaves on request: `python mcp_script.py [OPTION]...`.

Plain JSON-RPC without an SDK: an SDK would refuse to say most of this, and takes a second to start.

    --listing FILE    what to list, three tools a page, instead of its own tools
    --starts FILE     a line is added to FILE at each start
    --stubborn FILE   goes on when stdin closes and on SIGTERM, and starts a child that does; their pids go
                      to FILE
    --fail N          ends at once the first N times (counted in the file of --starts)
    --mute            never answers anything
    --cursors HOW     lists a, b and c, with the cursors that HOW names
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]
STUBBORN_CHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
PAGE = 3
_writing = threading.Lock()


def tool(name: str, *parameters: str, read_only: bool | None = True, **fields: Any) -> Json:
    schema = {"type": "object", "properties": {each: {"type": "string"} for each in parameters}}
    annotations = {} if read_only is None else {"annotations": {"readOnlyHint": read_only}}
    return {"name": name, "description": f"Does {name}.", "inputSchema": schema} | annotations | fields


TOOLS = [
    tool("echo", "word"),
    tool("measure", outputSchema={"type": "object", "properties": {"temperature": {"type": "number"}}}),
    tool("fail"),
    tool("error_text"),
    tool("nothing"),
    tool("wrapped_error"),
    tool("list"),
    tool("picture"),
    tool("page"),
    tool("media"),
    tool("refuse", "code"),
    tool("malformed"),
    tool("off_schema", outputSchema={"type": "object", "required": ["temperature"]}),
    tool("die"),
    tool("never"),
    tool("huge", "megabytes", "id_at"),
    tool("environment"),
    tool("process"),
    tool("remove", "path", read_only=None),
]


def text(said: str, **fields: Any) -> Json:
    return {"content": [{"type": "text", "text": said}]} | fields


def media() -> Json:
    return {
        "content": [
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "a://b", "mimeType": "x/y", "blob": "AAAAAAAA"}},
            {"type": "resource", "resource": {"uri": "a://c", "text": "the text"}},
            {"type": "resource_link", "uri": "a://d", "name": "d"},
        ]
    }


def environment() -> Json:
    return text(json.dumps(dict(os.environ)))


def process() -> Json:
    return text(json.dumps({"pid": os.getpid(), "parent": os.getppid()}))


ANSWERS: dict[str, Callable[[], Json]] = {
    "measure": lambda: text("21.5", structuredContent={"temperature": 21.5, "unit": None}),
    "fail": lambda: text("the city is unknown", isError=True),
    "error_text": lambda: text('{"error": "the city is unknown"}'),
    "wrapped_error": lambda: text(
        "Error: the city is unknown", structuredContent={"result": "Error: the city is unknown"}
    ),
    "list": lambda: text("[1, 2]", structuredContent=[1, 2]),
    "picture": lambda: {"content": media()["content"][:1]},
    "nothing": lambda: {"content": []},
    "page": lambda: text("<html><body>Sign in</body></html>"),
    "media": media,
    "malformed": lambda: {"content": "not a list"},
    "off_schema": lambda: text("", structuredContent={"degrees": 21.5}),
    "die": lambda: os._exit(3),
    "environment": environment,
    "process": process,
}


def result_of(name: str, arguments: Json) -> Json | None:
    """The result of a call; None: no answer."""
    if name in {"echo", "remove"}:
        return text(json.dumps(arguments))
    return ANSWERS[name]() if name in ANSWERS else None


def send(message: Json) -> None:
    send_line(json.dumps(message))


def send_line(line: str) -> None:
    with _writing:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def send_huge(id_: int, arguments: Json) -> None:
    """A line of so many megabytes, its id first, last, or nowhere near either end."""
    said = json.dumps(text("x" * int(float(arguments["megabytes"]) * 1_000_000)))
    padding = json.dumps("y" * 1000)
    lines = {
        "first": f'{{"jsonrpc": "2.0", "id": {id_}, "result": {said}}}',
        "last": f'{{"result": {said}, "jsonrpc": "2.0", "id": {id_}}}',
        "middle": f'{{"a": {padding}, "id": {id_}, "result": {said}, "jsonrpc": "2.0"}}',
    }
    send_line(lines[arguments.get("id_at", "first")])


def page(tools: list[Any], cursor: str | None) -> Json:
    start = int(cursor or 0)
    more = {"nextCursor": str(start + PAGE)} if start + PAGE < len(tools) else {}
    return {"tools": tools[start : start + PAGE]} | more


def page_by_cursor(how: str, cursor: Any, asked: int) -> Json:
    """A page of a, b and c as a server with odd cursors gives it.  asked: how often before."""
    first, last = {"tools": [tool("a"), tool("b")]}, {"tools": [tool("c")]}
    begins = cursor is None
    return {
        "empty, and a page behind it": first | {"nextCursor": ""} if begins else last,
        "empty at the end": first | {"nextCursor": ""},
        "not moving": first | {"nextCursor": "8"},
        "not moving, with pages behind it": (first if begins else last if asked == 1 else {"tools": []})
        | {"nextCursor": "8"},
        "new each time for the same page": first | {"nextCursor": f"{asked}"},
        "round in a circle": last | {"nextCursor": "x"} if cursor == "y" else first | {"nextCursor": "y"},
        "a number": first | {"nextCursor": 2} if begins else last,
        "an empty page between": {"tools": [], "nextCursor": "z"}
        if cursor == "y"
        else last
        if cursor
        else first | {"nextCursor": "y"},
    }[how]


_pages_asked = itertools.count()


def answer(request: Json, tools: list[Any], cursors: str | None) -> None:
    method, params, id_ = request["method"], request.get("params", {}), request["id"]
    match method:
        case "initialize":
            result: Json | None = {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "script", "title": "The script", "version": "1"},
            }
        case "tools/list" if cursors is not None:
            result = page_by_cursor(cursors, params.get("cursor"), next(_pages_asked))
        case "tools/list":
            result = page(tools, params.get("cursor"))
        case "tools/call" if params["name"] == "refuse":
            code = int(params["arguments"]["code"])
            send({"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": "no, thank you"}})
            return
        case "tools/call" if params["name"] == "huge":
            send_huge(id_, params["arguments"])
            return
        case "tools/call":
            result = result_of(params["name"], params.get("arguments", {}))
        case _:
            send({"jsonrpc": "2.0", "id": id_, "error": {"code": -32601, "message": "Method not found"}})
            return
    if result is not None:
        send({"jsonrpc": "2.0", "id": id_, "result": result})


def be_stubborn(pids: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", STUBBORN_CHILD])
    pids.write_text(f"{os.getpid()} {child.pid}")


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ("--listing", "--starts", "--stubborn"):
        parser.add_argument(option, type=Path)
    parser.add_argument("--fail", type=int, default=0)
    parser.add_argument("--cursors")
    parser.add_argument("--mute", action="store_true")
    options = parser.parse_args()
    starts = 0
    if options.starts is not None:
        with options.starts.open("a+") as file:
            file.write("started\n")
            file.seek(0)
            starts = len(file.readlines())
    sys.stderr.write(f"script: starting {os.environ.get('TOKEN', '')}\n")
    if 0 < starts <= options.fail:
        raise SystemExit("script: not yet")
    if options.stubborn is not None:
        be_stubborn(options.stubborn)
    send_line("Welcome to the script!")  # as too many servers greet
    tools = TOOLS if options.listing is None else json.loads(options.listing.read_text())
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request and not options.mute:
            threading.Thread(target=answer, args=(request, tools, options.cursors), daemon=True).start()
    while options.stubborn is not None:
        time.sleep(1)


if __name__ == "__main__":
    main()
