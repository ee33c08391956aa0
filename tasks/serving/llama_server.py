"""llama.cpp's HTTP server, as a program of its own: `python -m tasks.serving.llama_server JSON`.

The JSON says what `servers.py` writes.  It runs until it is killed.  Needs the package `xllamacpp`.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

# For beginnings of prompts that come again; what the package would take is 8 GB.
_CACHED_MIB = 512


def serve(said: dict[str, Any]) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = said["file"]
    params.model_alias = {said["name"]}
    params.hostnames = [said["host"]]
    params.port = said["port"]
    # No page in a browser is to ask it.
    params.cors_origins = f"http://{said['host']}:{said['port']}"
    params.ui = False
    params.n_parallel = said["parallel"]
    params.n_ctx = said["context"] * said["parallel"]
    params.fit_params = False
    params.cache_ram_mib = _CACHED_MIB
    params.cpuparams.n_threads = said["threads"]
    params.cpuparams_batch.n_threads = said["threads"]
    params.use_jinja = True
    if said["template"] is not None:
        params.chat_template = said["template"]
    server = xllamacpp.Server(params)  # until the model is loaded
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    del server


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    serve(json.loads(sys.argv[1]))
