"""A `llama-server` for the PATH: llama.cpp's server (xllamacpp's listener), told by the options that the real one has.

`install` writes the program. Run as a module it serves until it is ended.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.loading import read_model


def install(folder: Path, *, body: str | None = None) -> Path:
    """Write the program into a folder for the PATH. `body`: of the shell script, instead of what serves."""
    program = folder / "llama-server"
    root = Path(__file__).resolve().parents[2]
    serve = f'export PYTHONPATH="{root}"\nexec "{sys.executable}" -m tests.support.llama_server_program "$@"\n'
    program.write_text(f"#!/bin/sh\n{body or serve}")
    program.chmod(0o755)
    return program


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser()
    for name in ("--model", "--host", "--port", "--ctx-size", "--parallel", "--threads", "--n-gpu-layers"):
        parser.add_argument(name)
    options = parser.parse_args()
    model = read_model(Path(options.model))

    def configure(params: Any) -> None:
        params.hostnames, params.port = [options.host], int(options.port)
        params.api_keys = [os.environ["LLAMA_API_KEY"]]

    engine = llama_cpp.load(
        model.header,
        end_ids=model.tokens.stops,
        context_window=int(options.ctx_size),
        slots=int(options.parallel),
        threads=int(options.threads or 0),
        configure=configure,
    )
    signal.sigwait({signal.SIGTERM})
    engine.close()
    os._exit(0)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main()
