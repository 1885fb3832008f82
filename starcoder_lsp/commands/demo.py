"""Show suggestions as an editor gets them: the server process, LSP over its pipes, and the model that ships, offline.

Lines of two sample files are typed key by key. Where what is suggested is how the line goes on, it is taken, and shown
as ghost text. `starcoder-lsp demo FILE:LINE:COL` types a line of a file of yours up to there, and shows what comes.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field
from rich.console import Console
from rich.text import Text

from starcoder_lsp.commands.scenes import Scene, own, samples
from starcoder_lsp.errors import EngineFailed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Coroutine

    from starcoder_lsp.lsp_client import Client

_TYPED_S = 0.06
_WORTH = 4
"""Characters: shorter suggestions are not taken, typing them is as quick."""
_LINES_ABOVE = 3
_NEXT = """\
Now in your editor   VS Code, Neovim, Helix, Emacs, Vim, JetBrains: docs/editors/ has a page for each
In a file of yours   starcoder-lsp demo FILE:LINE:COL
A larger model       starcoder-lsp models --help"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from starcoder_lsp.cli import add_model_option  # noqa: PLC0415 - cli imports the commands

    parser.add_argument("place", nargs="?", metavar="FILE:LINE:COL", help="a place in a file of yours")
    add_model_option(parser)
    parser.add_argument("--server-log", metavar="FILE", help="write the server's log there")


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if the samples got no suggestion at all."""
    scene = own(arguments.place) if arguments.place else None
    stage = _Stage(Console(highlight=False), arguments.model or "nano")
    play = stage.samples if scene is None else lambda: stage.one(scene)
    with Path(arguments.server_log or os.devnull).open("wb") as log:
        return asyncio.run(stage.run(play, log))


@define
class _Stage:
    """One server, and what was seen of it. Times in ms."""

    console: Console
    model: str
    waits: list[float] = field(factory=list)
    """From a key to the new suggestion that it brought."""
    lines: int = 0
    helped: int = 0
    typed: int = 0
    taken: int = 0
    passed: int = 0
    _session: Any = None
    _versions: int = 0

    async def run(self, play: Callable[[], Coroutine[Any, Any, int]], log: Any) -> int:  # noqa: ANN401 - a file
        from starcoder_lsp.lsp_client import Client  # noqa: PLC0415 - a client is needed here only

        self.console.print(f"[dim]starting[/] starcoder-lsp [dim]and loading[/] {self.model} …")
        started = time.perf_counter()
        # Nobody waits for the next key here: the server need not wait for a pause either.
        options = {"model": self.model, "prefillWhileTyping": "always", "debounceMin": 0, "debounceMax": 0}
        session = self._session = await Client.start([], options, log)
        try:
            try:
                self.model = (await session.ready())["model"]
            except RuntimeError as error:
                raise EngineFailed(str(error)) from error
            loaded = (time.perf_counter() - started) * 1e3
            status = await play()
            stats = await session.command("starcoder.stats")
        finally:
            await session.stop()
        self._print_times(loaded, stats)
        return status

    async def samples(self) -> int:
        """Type the samples' lines; take what is right."""
        file = ""
        for scene in samples():
            if scene.name != file:
                file = scene.name
                self.console.rule(f"[bold]{file}[/]: what you type, and what {self.model} suggests")
            self.lines += 1
            typed, ghost = await self._type_and_take(scene)
            if ghost:
                self.helped += 1
                _print_scene(self.console, scene, typed, ghost)
        self.console.rule()
        return 0 if self.taken else 1

    async def _type_and_take(self, scene: Scene) -> tuple[int, str]:
        """Type until a suggestion is how the line goes on; return the characters typed, and the suggestion."""
        uri = self._open(scene)
        before = ""
        for typed in range(1, len(scene.line)):
            self.typed += 1
            ghost, waited = await self._press(scene, uri, typed)
            is_new = ghost != "" and not before.endswith(ghost)  # else what is left of the one before
            if is_new:
                self.waits.append(waited)
            if len(ghost) >= _WORTH and scene.line[typed:].startswith(ghost):
                self.taken += len(ghost)
                self.typed += len(scene.line) - typed - len(ghost)
                return typed, ghost
            self.passed += is_new
            before = ghost
        self.typed += 1
        return len(scene.line), ""

    async def one(self, scene: Scene) -> int:
        """Type a line of the user's file up to a place, and show what comes there."""
        uri = self._open(scene)
        for typed in range(1, len(scene.line)):
            self._change(scene, uri, typed)
            await asyncio.sleep(_TYPED_S)
        ghost, waited = await self._press(scene, uri, len(scene.line))
        note = ""
        if ghost:
            self.waits.append(waited)
        else:
            ghost = await self._ask(scene, uri, len(scene.line), manual=True)
            hidden = "hidden in editors until asked by hand: the model is not sure enough of it"
            note = hidden if ghost else "nothing to suggest here"
        self.console.rule(f"[bold]{scene.name}[/]: what you typed, and what {self.model} suggests")
        _print_scene(self.console, scene, len(scene.line), ghost)
        self.console.rule()
        if note:
            self.console.print(f"{'note':<7}{note}")
        return 0

    def _open(self, scene: Scene) -> str:
        self._versions += 1
        uri = f"file:///demo/{self._versions}/{scene.name}"
        self._session.open(uri, scene.language, scene.text(0))
        return uri

    def _change(self, scene: Scene, uri: str, typed: int) -> None:
        self._versions += 1
        self._session.change(uri, self._versions, scene.text(typed))

    async def _press(self, scene: Scene, uri: str, typed: int) -> tuple[str, float]:
        """Press the last of so many keys; return the ghost text, empty if there is none, and the wait for it."""
        started = time.perf_counter()
        self._change(scene, uri, typed)
        ghost = await self._ask(scene, uri, typed)
        return ghost, (time.perf_counter() - started) * 1e3

    async def _ask(self, scene: Scene, uri: str, typed: int, *, manual: bool = False) -> str:
        session: Client = self._session
        items = await session.suggest(uri, *scene.position(typed), manual=manual)
        return str(items[0].insert_text) if items else ""

    def _print_times(self, loaded: float, stats: Any) -> None:  # noqa: ANN401 - a namedtuple of pygls
        counts = stats if isinstance(stats, dict) else stats._asdict()
        rows = [("ready", f"{loaded:.0f} ms after the start: server and model")]
        if self.taken:
            all_keys = self.taken + self.typed
            share = f"{self.taken} of their {all_keys} characters ({100 * self.taken / all_keys:.0f} %)"
            passed = f"{self.passed} other suggestion{'' if self.passed == 1 else 's'} came up on the way"
            rows.append(("taken", f"in {self.helped} of {self.lines} lines, {share}; {passed}"))
        if self.waits:
            rows.append(
                ("time", f"{statistics.median(self.waits):.0f} ms from a key to a new suggestion, at the median")
            )
        evaluated, generated = counts["evaluatedTokens"], counts["generatedTokens"]
        rows.append(("work", f"{evaluated} tokens read and {generated} written by {self.model}, offline"))
        for name, about in rows:
            self.console.print(f"{name:<7}{about}", markup=False, soft_wrap=True)
        self.console.print()
        self.console.print(_NEXT, markup=False, soft_wrap=True)


def _print_scene(console: Console, scene: Scene, typed: int, ghost: str) -> None:
    """Print a few lines around the cursor; ghost text stands in ⟦ ⟧ where there are no colours."""
    *above, start = scene.before.split("\n")[-_LINES_ABOVE - 1 :]
    shown = Text("".join(f"{line}\n" for line in above).lstrip("\n"), style="dim", tab_size=4)
    shown.append(start + scene.line[:typed], style="not dim")
    if ghost:
        shown.append(ghost if console.is_terminal else f"⟦{ghost}⟧", style="not dim italic cyan")
    shown.append(scene.line[typed + len(ghost) :], style="not dim")
    shown.append("\n")
    console.print(shown, soft_wrap=True)
