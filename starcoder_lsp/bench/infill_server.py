"""The peer: llama.cpp's HTTP server in a process of its own, set up as llama.vim's authors recommend.

Their presets (`llama-server --fim-qwen-3b-default`) say: one slot, `-b 1024 -ub 1024 --cache-reuse 256`. The rest is
llama.cpp's default, its prompt cache in RAM too. The build of llama.cpp, the threads and the context window are those
of our own engine.

Run as `python -m starcoder_lsp.bench.infill_server MODEL THREADS CONTEXT`; prints one line of JSON once it listens, and
ends when its stdin is closed.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.loading import read_model

BATCH = 1024
_CACHE_REUSE = 256
_CACHE_RAM_MIB = 8192


def main() -> None:
    """Serve until stdin ends."""
    model = read_model(Path(sys.argv[1]))
    threads, context = int(sys.argv[2]), int(sys.argv[3])
    folder = Path(tempfile.mkdtemp(prefix="starcoder-bench-"))
    says: dict[str, Any] = {"socket": None, "port": None, "key": secrets.token_hex(16)}
    if sys.platform == "win32":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            says["port"] = free.getsockname()[1]
    else:
        says["socket"] = str(folder / "infill.sock")

    def configure(params: Any) -> None:  # noqa: ANN401 - untyped library
        params.n_batch = params.n_ubatch = BATCH
        params.n_cache_reuse = _CACHE_REUSE
        params.cache_ram_mib = _CACHE_RAM_MIB
        params.cache_idle_slots = True
        params.api_keys = [says["key"]]
        if says["socket"]:
            params.hostnames = [says["socket"]]
        else:
            params.port = says["port"]
        says["threads"] = [params.cpuparams.n_threads, params.cpuparams_batch.n_threads]

    # What native code writes goes to stderr: stdout has our one line.
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        window = min(context, model.header.context_length)
        engine = llama_cpp.load(
            model.header,
            end_ids=model.tokens.stops,
            context_window=window,
            slots=1,
            threads=threads,
            configure=configure,
        )
        print(json.dumps(says), file=output, flush=True)
        sys.stdin.read()
        engine.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
