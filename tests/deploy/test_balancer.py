"""The balancer's real configuration, in front of two real engines: keys, sessions, and an engine that is lost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import define

from starcoder_lsp.addresses import EngineAddress, Secret
from starcoder_lsp.engine.base import EngineInfo
from starcoder_lsp.engine.http.events import Call
from starcoder_lsp.engine.http.llama_server import LlamaServer
from starcoder_lsp.engine.http.token_engine import TokenEngine
from starcoder_lsp.engine.http.transport import Transport
from starcoder_lsp.models.gguf import read_header
from tests.editors.lab import program
from tests.support.generation import prefill
from tests.support.llama_server import LlamaServerProcess
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "haproxy" / "haproxy.cfg"
ENGINE_KEY, USERS_KEY = "between-us", "of-a-user"
PATIENCE = 60.0


@define
class Balanced:
    """HAProxy and what is behind it."""

    url: str
    metrics: str
    engines: list[LlamaServerProcess]

    def transport(self, key: str = USERS_KEY, url: str = "") -> Transport:
        return Transport(EngineAddress(url=url or self.url), Secret(key))

    def status(self, path: str, key: str = USERS_KEY, url: str = "") -> int:
        transport = self.transport(key, url)
        try:
            return transport.fetch(Call(path)).status
        finally:
            transport.close()

    def editor(self) -> TokenEngine:
        engine = self.engines[0]
        info = EngineInfo("balanced", engine.window, 1, "")
        return TokenEngine(self.transport(), LlamaServer(), info, engine.pieces, frozenset())

    def computed(self) -> list[float]:
        return [engine.metrics()["prompt_tokens_total"] if engine._engine else 0.0 for engine in self.engines]


def configuration(folder: Path, ports: dict[str, int], sockets: list[Path]) -> Path:
    """Write the configuration with this machine's ports, files and engines, and nothing else changed."""
    text = CONFIGURATION.read_text().replace("/run/secrets/keys", str(folder / "keys"))
    for port, here in ports.items():
        text, count = re.subn(rf"bind :{port}$", f"bind 127.0.0.1:{here}", text, flags=re.MULTILINE)
        assert count == 1
    for number, path in enumerate(sockets):
        old = f'"engine-{number}${{ENGINE_DOMAIN}}:8000"'
        assert old in text
        text = text.replace(old, f"unix@{path}")
    (folder / "keys").write_text(f"Bearer another\nBearer {USERS_KEY}\n")
    path = folder / "haproxy.cfg"
    path.write_text(text)
    return path


@pytest.fixture
def balanced(nano: Path, tmp_path: Path) -> Iterator[Balanced]:
    haproxy = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin") or program("haproxy")
    engines = [LlamaServerProcess(read_header(nano), slots=2, window=1024, key=ENGINE_KEY).start() for _ in range(2)]
    ports = {"8080": free_port(), "8405": free_port()}
    file = configuration(tmp_path, ports, [engine.socket for engine in engines])
    environment = {**os.environ, "ENGINE_DOMAIN": ".invalid", "ENGINE_KEY": ENGINE_KEY}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([haproxy, "-db", "-f", file], env=environment, stdout=log, stderr=log)
    url, metrics = (f"http://127.0.0.1:{port}" for port in ports.values())
    one = Balanced(url, metrics, engines)
    try:
        until_up(one, 2, tmp_path / "log")
        yield one
    finally:
        process.kill()
        process.wait()
        for engine in engines:
            engine.close()


def until_up(balanced: Balanced, count: int, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        transport = balanced.transport(url=balanced.metrics)
        try:
            text = transport.fetch(Call("/metrics")).body.decode()
        except Exception:  # noqa: BLE001 - it is not up yet; the time-out shows its log
            text = ""
        finally:
            transport.close()
        up = re.findall(
            r'^haproxy_server_status\{proxy="engines",server="engine-\d",state="UP"\} 1$', text, re.MULTILINE
        )
        if len(up) == count:
            return
        time.sleep(0.1)
    pytest.fail(log.read_text())


def test_who_has_no_key_or_asks_for_what_is_not_a_clients(balanced: Balanced) -> None:
    assert balanced.status("/props") == 200
    assert balanced.status("/props", key="a-guess") == 401
    assert balanced.status("/props", key=ENGINE_KEY) == 401
    assert balanced.status("/metrics") == 404
    assert balanced.status("/slots") == 404
    assert balanced.status("/healthz", key="nobodys") == 200


def test_an_editor_stays_with_the_engine_that_holds_its_prompt(balanced: Balanced) -> None:
    for number in range(6):
        editor = balanced.editor()
        ids = list(range(300 + 50 * number, 400 + 50 * number))
        prefill(editor, ids)
        for more in range(1, 6):
            before = balanced.computed()
            prefill(editor, [*ids, *range(900, 900 + more)])
            done = sorted(after - then for after, then in zip(balanced.computed(), before, strict=True))
            assert done == [0, 1], "the prompt was evaluated anew, or elsewhere"
        editor.close()


def test_editors_are_spread_over_engines(balanced: Balanced) -> None:
    before = balanced.computed()
    for number in range(24):
        editor = balanced.editor()
        prefill(editor, list(range(300 + number, 320 + number)))
        editor.close()
    assert all(after > then for after, then in zip(balanced.computed(), before, strict=True))


def test_when_an_engine_is_lost_the_other_answers(balanced: Balanced, tmp_path: Path) -> None:
    editors = [balanced.editor() for _ in range(8)]
    ids = list(range(300, 350))
    for editor in editors:
        prefill(editor, ids)
    lost = balanced.engines[0]._engine
    assert lost is not None
    lost.close()
    balanced.engines[0]._engine = None
    until_up(balanced, 1, tmp_path / "log")
    before = balanced.computed()[1]
    for editor in editors:
        assert prefill(editor, [*ids, 900]).completed
        editor.close()
    assert balanced.computed()[1] > before
    log = (tmp_path / "log").read_text()
    assert USERS_KEY not in log
    assert ENGINE_KEY not in log
