"""llama.cpp's HTTP server in this process (xllamacpp's own listener), and our engine over it."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from starcoder_lsp.addresses import EngineAddress, KeySource, Secret
from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.engine.base import CancelToken, EngineInfo
from starcoder_lsp.engine.http.events import Call
from starcoder_lsp.engine.http.llama_server import LlamaServer
from starcoder_lsp.engine.http.token_engine import TokenEngine
from starcoder_lsp.engine.http.transport import Transport
from starcoder_lsp.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    from starcoder_lsp.models.gguf import GGUFHeader

_NOT_IN_TEXT = 1


@define(eq=False)
class LlamaServerProcess:
    """A llama-server that listens on a Unix socket. Closed, it is gone, and the socket with it."""

    header: GGUFHeader
    slots: int = 1
    window: int = 2048
    end_ids: frozenset[int] = frozenset()
    folder: Path = field(factory=lambda: Path(tempfile.mkdtemp(prefix="starcoder-test-")))
    key: str = field(factory=lambda: secrets.token_hex(8))
    _engine: llama_cpp.LlamaCpp | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "server.sock"

    @property
    def address(self) -> EngineAddress:
        return EngineAddress(url="http://localhost", socket=str(self.socket), key=KeySource("secret", ("test",)))

    @property
    def options(self) -> dict[str, Any]:
        """What a client's initializationOptions say to use it."""
        return {
            "engines": [{"url": f"unix:{self.socket}", "key": {"secret": "test"}}],
            "secrets": {"test": self.key},
        }

    def start(self) -> LlamaServerProcess:
        def configure(params: Any) -> None:
            params.hostnames = [str(self.socket)]
            params.api_keys = [self.key]
            params.endpoint_slots = params.endpoint_metrics = True

        self.socket.unlink(missing_ok=True)
        self._engine = llama_cpp.load(
            self.header,
            end_ids=self.end_ids,
            context_window=self.window,
            slots=self.slots,
            threads=1,
            gpu_layers=0,
            configure=configure,
        )
        return self

    def transport(self, timeout_s: float = 30.0) -> Transport:
        address = EngineAddress(url="http://localhost", socket=str(self.socket), timeout_s=timeout_s)
        return Transport(address, Secret(self.key))

    def connect(self, transport: Transport | None = None) -> TokenEngine:
        return TokenEngine(transport or self.transport(), LlamaServer(), self.info, self.pieces, self.end_ids)

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(f"llama-server at unix:{self.socket}", self.window, self.slots, "llama-server")

    @property
    def pieces(self) -> list[bytes]:
        tokenizer = Tokenizer.from_header(self.header)
        return [tokenizer.piece(token) for token in range(tokenizer.vocab_size)]

    def metrics(self) -> dict[str, float]:
        """Return the server's own counters."""
        transport = self.transport()
        try:
            text = transport.fetch(Call("/metrics")).body.decode()
        finally:
            transport.close()
        lines = (line.split(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name.removeprefix("llamacpp:"): float(value) for name, value in lines}

    def busy_slots(self) -> int:
        transport = self.transport()
        try:
            reply = transport.fetch(Call("/slots"))
        finally:
            transport.close()
        return sum(bool(slot["is_processing"]) for slot in json.loads(reply.body))

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        shutil.rmtree(self.folder, ignore_errors=True)


def serve_and_connect(header: GGUFHeader, *, end_ids: frozenset[int], window: int) -> TokenEngine:
    """Return an engine over a server of its own; closing it ends the server."""
    server = LlamaServerProcess(header, window=window, end_ids=end_ids).start()
    engine = _ClosingBoth(server.transport(), LlamaServer(), server.info, server.pieces, end_ids, server=server)
    engine.prefill([_NOT_IN_TEXT], slot=0, cancel=CancelToken())
    return engine


@define(eq=False)
class _ClosingBoth(TokenEngine):
    server: LlamaServerProcess = field(kw_only=True)

    def close(self) -> None:
        TokenEngine.close(self)  # attrs makes a new class of this one, which super() would not find
        self.server.close()
