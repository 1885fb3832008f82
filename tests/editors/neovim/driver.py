"""A Neovim to ask and to type into, headless or on a screen."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.editors import lab
from tests.editors.lab import Home, Screen, block, editor, page, poll, poll_still, sure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Open(Protocol):
        """Opens a file of the home's project in a Neovim of its own."""

        def __call__(
            self, text: str, configuration: str | None = None, *, name: str = "arithmetic.py", on_screen: bool = False
        ) -> Neovim: ...


INDENT = "    "
CODE = lab.CODE.removesuffix(INDENT)
PAGE = block(page("neovim"), "With the plugin")
PAGE = sure(PAGE, "setup()", "setup({ options = { confidence = 0 } })")

BRIDGE = Path(__file__).parent / "bridge.lua"

GHOST = """
local namespace = vim.api.nvim_get_namespaces()['nvim.lsp.inline_completion']
local mark = namespace and vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })[1]
if not mark then return '' end
local lines = { mark[4].virt_text or {} }
vim.list_extend(lines, mark[4].virt_lines or {})
return table.concat(vim.tbl_map(function(chunks)
  return table.concat(vim.tbl_map(function(chunk) return chunk[1] end, chunks))
end, lines), '\\n')
""".replace("\n", " ")


class Neovim:
    """One run of Neovim with a configuration, a file open in it."""

    def __init__(self, home: Home, configuration: str, file: Path, *, on_screen: bool = False) -> None:
        binary = editor("neovim") / "bin" / "nvim"
        folder = home.path / "config" / "nvim"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "init.lua").write_text(configuration, encoding="utf-8")
        address = home.path / "bridge"
        address.unlink(missing_ok=True)
        environment = {**home.environment, "STARCODER_BRIDGE": str(address)}
        argv: Sequence[str | Path] = ["--cmd", f"luafile {BRIDGE}", "-n", file]
        self.screen: Screen | None = None
        self._process: subprocess.Popen[bytes] | None = None
        if on_screen:
            self.screen = Screen([binary, *argv], environment, home.project)
        else:
            self._process = subprocess.Popen(
                [binary, "--headless", *argv],
                cwd=home.project,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        try:
            poll("Neovim listens", lambda: self._socket.connect_ex(str(address)) == 0)
        except TimeoutError:
            self._socket.close()
            self._end()
            raise
        self._answers = self._socket.makefile("rb")
        self.pid = self.lua("return vim.fn.getpid()")

    def lua(self, code: str) -> Any:
        """Run one line of Lua in the editor; the value it returns."""
        self._socket.sendall(code.encode() + b"\n")
        answer = json.loads(self._answers.readline())
        assert answer["ok"], answer.get("value")
        return answer.get("value")

    def type(self, keys: str) -> None:
        """Type keys, in Neovim's notation (<CR>, <Esc>)."""
        self.lua(f"return vim.api.nvim_input({json.dumps(keys, ensure_ascii=False)})")

    def wait(self, what: str, code: str, timeout: float = 40) -> Any:
        """The first true value of a line of Lua."""
        try:
            return poll(what, lambda: self.lua(code), timeout)
        except TimeoutError as problem:
            raise TimeoutError(f"{problem}; buffer {self.lines()!r}, messages {self.messages()!r}") from None

    def ghost(self) -> str:
        """The ghost text that is drawn now; empty when there is none."""
        return str(self.lua(GHOST))

    def wait_ghost(self) -> str:
        """Wait for ghost text, and until it stays."""
        self.wait("ghost text", f"return (function() {GHOST} end)() ~= ''")
        return poll_still("the ghost text", self.ghost)

    def watch_ghost(self, before: str, after: str) -> None:
        """Wait until one ghost text has become the other, with nothing in between: keys are handled in their turn."""

        def is_after() -> bool:
            ghost = self.ghost()
            assert ghost in {before, after}
            return ghost == after

        poll(f"the ghost text is {after!r}", is_after)

    def wait_no_ghost(self) -> None:
        """Wait until no ghost text is drawn."""
        self.wait("no ghost text", f"return (function() {GHOST} end)() == ''")

    def wait_ready(self) -> None:
        """Wait until the server is attached and its model loaded."""
        self.wait(
            "the server is ready", "local it = require('starcoder.status').get(0) return it and it.state == 'ready'"
        )

    def lines(self) -> list[str]:
        """The buffer."""
        return list(self.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)"))

    def messages(self) -> str:
        """What Neovim said."""
        return str(self.lua("return vim.api.nvim_exec2('messages', { output = true }).output"))

    def save(self) -> None:
        """Leave insert mode and write the file."""
        self.type("<Esc>")
        self.wait("normal mode", "return vim.api.nvim_get_mode().mode == 'n'")
        self.lua("return vim.cmd('silent write')")

    def servers(self) -> list[psutil.Process]:
        """The server's processes."""
        servers = []
        for child in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it has just ended
                if "--stdio" in child.cmdline():
                    servers.append(child)
        return servers

    def close(self) -> None:
        """End Neovim; its server goes with it."""
        servers = self.servers()
        editor_process = psutil.Process(self.pid)
        self.lua("return vim.schedule(function() vim.cmd('qall!') end)")
        self._answers.close()
        self._socket.close()
        _, alive = psutil.wait_procs([editor_process, *servers], timeout=20)
        for process in alive:
            process.kill()
        self._end()
        assert not alive, f"still there after :qall!: {alive}"

    def _end(self) -> None:
        if self.screen:
            self.screen.close()
        if self._process:
            self._process.kill()
            self._process.wait(20)


def suggested(open_neovim: Open, configuration: str | None = None) -> tuple[Neovim, str]:
    """Open CODE in a Neovim, type `re` at its end and wait for the ghost text behind it."""
    neovim = open_neovim(CODE, configuration)
    neovim.wait_ready()
    neovim.type("Gore")
    return neovim, neovim.wait_ghost()
