"""The engine process's own code on a thread of this process, over a real socket; windows join it."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field

from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.engine.shared.client import SharedEngine
from starcoder_lsp.engine.shared.greeting import make_token
from starcoder_lsp.engine.shared.host import Host, Opened
from starcoder_lsp.engine.shared.joining import Joiner
from starcoder_lsp.engine.shared.place import Card, Place
from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from starcoder_lsp.engine.base import Engine


@define(eq=False)
class SharedProcess:
    """See the module."""

    host: Host
    place: Place
    thread: threading.Thread
    engines: list[SharedEngine] = field(factory=list)

    @classmethod
    def over(cls, make: Callable[[], Engine], *, loopback: bool = False, process: int = 0) -> SharedProcess:
        """Serve the engine that `make` opens. `process`: what its card says, if not this process's number."""
        place = Place(Path(tempfile.mkdtemp(prefix="starcoder-test-")), "0123456789abcdef")
        listener, port = place.bind(loopback=loopback)
        token = make_token()
        host = Host(listener, token, lambda: Opened(make(), 100.0, 10.0), idle_s=PATIENCE)
        place.write(Card(process, token, port, "test", "test"))
        listener.listen()
        thread = threading.Thread(target=host.run, name="host")
        thread.start()
        return cls(host, place, thread)

    def join(self) -> SharedEngine:
        """Return an engine over a new connection."""
        joiner = Joiner(self.place, ["there is", "none to start"])
        self.engines.append(SharedEngine.over(joiner, joiner.join(CancelToken())))
        return self.engines[-1]

    def alone(self) -> Engine:
        """Return an engine with which the process ends."""
        joiner = Joiner(self.place, ["there is", "none to start"])
        engine = _ClosingBoth.over(joiner, joiner.join(CancelToken()))
        assert isinstance(engine, _ClosingBoth)
        engine.ends = self
        return engine

    def close(self) -> None:
        """Let all windows go, and end."""
        for engine in self.engines:
            engine.close()
        self.host.end()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        shutil.rmtree(self.place.folder, ignore_errors=True)


@define(eq=False)
class _ClosingBoth(SharedEngine):
    ends: SharedProcess | None = None

    def close(self) -> None:
        SharedEngine.close(self)  # attrs makes a new class of this one, which super() would not find
        if self.ends is not None:
            self.ends.close()
