"""llama.cpp's own tokenizer, to compare ids with: xllamacpp serves it over HTTP, here on a Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
import tempfile
from typing import TYPE_CHECKING

import xllamacpp

if TYPE_CHECKING:
    from pathlib import Path


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class LlamaCppTokenizer:
    """Loads `model` (a tiny one) and answers as llama.cpp does with special parsing off and no <bos>."""

    def __init__(self, model: Path) -> None:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(model)
        parameters.n_ctx = 256
        parameters.n_parallel = 1
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
        parameters.n_gpu_layers = 0
        parameters.warmup = parameters.fit_params = parameters.ui = False
        parameters.verbosity = 0
        self._folder = tempfile.TemporaryDirectory(prefix="llama-")  # short: a socket's path has some 100 characters
        self._socket = f"{self._folder.name}/s.sock"
        parameters.hostnames = [self._socket]
        self.server = xllamacpp.Server(parameters)

    def close(self) -> None:
        del self.server
        self._folder.cleanup()

    def encode(self, text: str) -> list[int]:
        connection = _UnixConnection(self._socket)
        body = json.dumps({"content": text, "add_special": False, "parse_special": False}).encode()
        connection.request("POST", "/tokenize", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        ids: list[int] = answer["tokens"]
        return ids
