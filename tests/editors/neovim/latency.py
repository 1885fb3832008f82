"""Prints the time from a keystroke to the frame that shows ghost text, in a Neovim on a real screen.

    python tests/editors/neovim/latency.py [--strokes 30]

Of that time 200 ms are Neovim's own wait for another keystroke. Run it while the machine is quiet.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.editors.lab import CODE, REPOSITORY, Home, block, page
from tests.editors.neovim.driver import Neovim

NEOVIM_WAITS = 200

# on_key sees a key when Neovim takes it; on_end of a decoration provider runs when a frame has been drawn.
CLOCK = """
clock = { frames = {} }
vim.on_key(function() if vim.api.nvim_get_mode().mode == 'i' then clock.key, clock.asked = vim.uv.hrtime(), nil end end)
vim.api.nvim_create_autocmd('LspRequest', { callback = function(event)
  local request = event.data.request
  if request.method ~= 'textDocument/inlineCompletion' or request.type ~= 'pending' then return end
  clock.asked = vim.uv.hrtime()
end })
local namespace = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')
vim.api.nvim_set_decoration_provider(vim.api.nvim_create_namespace('clock'), { on_end = function()
  if clock.key and clock.asked and #vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { limit = 1 }) > 0 then
    table.insert(clock.frames, { (vim.uv.hrtime() - clock.key) / 1e6, (clock.asked - clock.key) / 1e6 })
    clock.key = nil
  end
end })
"""


def measure(strokes: int) -> list[tuple[float, float]]:
    """Milliseconds from a key to the ghost on screen, and to the request, for each stroke."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        (home.path / "starcoder-lsp").symlink_to(REPOSITORY)
        configuration = block(page("neovim"), "With the plugin") + CLOCK
        configuration = configuration.replace("setup()", "setup({ options = { confidence = 0 } })")
        neovim = Neovim(home, configuration, home.file("arithmetic.py", CODE), on_screen=True)
        try:
            neovim.wait_ready()
            screen = neovim.screen
            assert screen
            screen.press("G", "o")
            for count in range(strokes):
                # Each stroke ends a line that was not there before: no answer comes from memory.
                screen.press("Enter")
                screen.type(f"result_{count} = add(", gap=0.05)
                seen = neovim.lua("return #clock.frames")
                with contextlib.suppress(TimeoutError):  # the model had nothing to say
                    neovim.wait("ghost text on the screen", f"return #clock.frames > {seen}", timeout=5)
                screen.type(f"{count})")
            return [(whole, asked) for whole, asked in neovim.lua("return clock.frames")]
        finally:
            neovim.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strokes", type=int, default=30)
    frames = measure(parser.parse_args().strokes)
    whole = sorted(frame[0] for frame in frames)
    asked = statistics.median(frame[1] for frame in frames)
    middle = statistics.median(whole)
    slow = whole[int(len(whole) * 0.95)]
    report = f"""\
key to ghost on screen  {middle:.0f} ms (median of {len(frames)}), {slow:.0f} ms (p95)
  key to request        {asked:.0f} ms, of which Neovim's debounce {NEOVIM_WAITS} ms
  request to screen     {middle - asked:.0f} ms: server, model, drawing
  the debounce's share  {NEOVIM_WAITS / middle:.0%}
"""
    sys.stdout.write(report)


if __name__ == "__main__":
    main()
