from __future__ import annotations

import json
import math
import re
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from tests.editors.lab import REPOSITORY, Home, block, page, poll, sure
from tests.editors.neovim.driver import CODE, GHOST, INDENT, PAGE, suggested

if TYPE_CHECKING:
    from tests.editors.neovim.driver import Open


pytestmark = pytest.mark.editors

ALONE = block(page("neovim"), "Without the plugin")
ALONE = sure(
    ALONE, "vim.lsp.enable", "vim.lsp.config('starcoder', { init_options = { confidence = 0 } })\nvim.lsp.enable"
)


RECORD = """
record = { progress = {}, components = {} }
vim.api.nvim_create_autocmd('LspProgress', { callback = function(event)
  table.insert(record.progress, event.data.params.value.kind)
end })
vim.api.nvim_create_autocmd('User', { pattern = 'StarcoderStatus', callback = function()
  table.insert(record.components, require('starcoder').status())
end })
"""


def saved(home: Home, name: str = "arithmetic.py") -> str:
    return (home.project / name).read_bytes().decode()


def sent(home: Home) -> list[str]:
    """The messages that Neovim sent, from its LSP log at trace level."""
    log = (home.path / "state" / "nvim" / "lsp.log").read_text(encoding="utf-8")
    return [line for line in log.splitlines() if '"rpc.send"' in line]


def commands(home: Home) -> list[str]:
    return [match[1] for line in sent(home) if (match := re.search(r'command = "(starcoder\.\w+)"', line))]


def requests(home: Home) -> int:
    return sum('method = "textDocument/inlineCompletion"' in line for line in sent(home))


TRACE = "\nvim.lsp.log.set_level('trace')\n"


def test_the_lsp_file_alone_gives_ghost_text(home: Home, open_neovim: Open) -> None:
    lsp = home.path / "config" / "nvim" / "lsp"
    lsp.mkdir(parents=True)
    shutil.copy(REPOSITORY / "editors" / "neovim" / "lsp" / "starcoder.lua", lsp)
    neovim = open_neovim(CODE, RECORD + ALONE)
    neovim.wait("the model is loaded", "return vim.list_contains(record.progress, 'end')")
    neovim.type("Gore")
    ghost = neovim.wait_ghost()
    neovim.type("<Tab>")
    neovim.wait("the suggestion is in the text", "return vim.api.nvim_get_current_line() ~= '    re'")
    neovim.save()
    assert saved(home) == CODE + INDENT + "re" + ghost + "\n"


def test_a_suggestion_is_accepted_with_tab(home: Home, open_neovim: Open) -> None:
    neovim, ghost = suggested(open_neovim, PAGE + TRACE)
    neovim.type("<Tab>")
    neovim.wait("the suggestion is in the text", f"return vim.api.nvim_buf_line_count(0) >= {CODE.count(chr(10)) + 1}")
    neovim.wait_no_ghost()
    neovim.save()
    assert saved(home) == CODE + INDENT + "re" + ghost + "\n"
    poll("the server hears of both", lambda: {"starcoder.show", "starcoder.accept"} <= set(commands(home)))


def test_what_was_accepted_is_undone_alone(open_neovim: Open) -> None:
    neovim, ghost = suggested(open_neovim)
    neovim.type("<Tab>")
    neovim.wait("the suggestion is in the text", "return vim.api.nvim_get_current_line() ~= '    re'")
    neovim.type("x<Esc>")
    lines = CODE.split("\n")[:-1]
    for left in (f"{INDENT}re{ghost}", f"{INDENT}re"):
        neovim.type("u")
        wanted = [*lines, *left.split("\n")]
        neovim.wait(
            "one step is undone",
            f"return vim.deep_equal(vim.fn.getline(1, '$'), {json.dumps(wanted)[1:-1].join('{}')})",
        )


def test_asked_by_hand_it_shows_what_the_model_is_not_sure_of(home: Home, open_neovim: Open) -> None:
    neovim = open_neovim(CODE, PAGE.replace("confidence = 0", "confidence = 1") + TRACE)  # no model is that sure
    neovim.wait_ready()
    neovim.type("Gore")
    neovim.wait("the status component says why", "return require('starcoder').status() == 'nano: not sure'")
    assert neovim.ghost() == ""
    neovim.type("<M-Bslash>")
    ghost = neovim.wait_ghost()
    assert any("triggerKind = 1" in line for line in sent(home))
    neovim.type("<Tab>")
    neovim.wait("the suggestion is in the text", "return vim.api.nvim_get_current_line() ~= '    re'")
    assert "\n".join(neovim.lines()) == f"{CODE}{INDENT}re{ghost}"
    neovim.type("<Esc>:StarcoderStatus<CR>")
    neovim.wait(
        "it counts", "return vim.api.nvim_exec2('messages', { output = true }).output:find('1 hidden: not sure')"
    )


def test_of_several_suggestions_the_one_on_screen_is_accepted(home: Home, open_neovim: Open) -> None:
    neovim = open_neovim(CODE, PAGE + TRACE)
    neovim.wait_ready()
    neovim.type("Goreturn ")
    neovim.wait_ghost()
    neovim.type("<M-Bslash>")
    select = "vim.lsp.inline_completion.select({ count = 1 })"
    neovim.wait("the second of several", f"{select} return (function() {GHOST} end)():find('%(2/[23]%)$')")
    second = neovim.ghost()
    assert re.fullmatch(r".* \(2/[23]\)", second, re.DOTALL)
    neovim.type("<Tab>")
    neovim.wait(
        "the suggestion is in the text", f"return vim.api.nvim_get_current_line() ~= {json.dumps(INDENT + 'return ')}"
    )
    neovim.save()
    assert saved(home) == CODE + INDENT + "return " + second.rpartition(" (")[0] + "\n"
    poll("the server hears of it", lambda: "starcoder.accept" in commands(home))


def test_asked_by_hand_it_says_why_there_is_nothing(open_neovim: Open) -> None:
    neovim = open_neovim(CODE)
    neovim.wait_ready()
    neovim.lua("said = {} vim.api.nvim_echo = function(chunks) table.insert(said, chunks[1][1]) end")
    neovim.type(":StarcoderPause<CR>")
    neovim.wait("everything is paused", "return require('starcoder.status').get(0).state == 'paused'")
    neovim.type("Go<M-Bslash>")
    neovim.wait("it says so", "return #said > 0 and said[#said]:find('paused: :StarcoderResume')")


def test_as_a_package_it_needs_one_line(home: Home, open_neovim: Open) -> None:
    packages = home.path / "data" / "nvim" / "site" / "pack" / "plugins" / "start"
    packages.mkdir(parents=True)
    (packages / "starcoder").symlink_to(REPOSITORY / "editors" / "neovim")
    neovim, ghost = suggested(open_neovim, "require('starcoder').setup({ options = { confidence = 0 } })")
    neovim.lua("return require('starcoder').accept()")
    neovim.wait("the suggestion is in the text", "return vim.api.nvim_get_current_line() ~= '    re'")
    neovim.save()
    assert saved(home) == CODE + INDENT + "re" + ghost + "\n"


def test_tab_stays_tab_where_nothing_is_suggested(home: Home, open_neovim: Open) -> None:
    neovim = open_neovim("", name="notes.txt")
    neovim.type("i<Tab>x")
    neovim.save()
    assert saved(home, "notes.txt") == "\tx\n"


def test_one_word_is_accepted_and_the_rest_stays(home: Home, open_neovim: Open) -> None:
    neovim, ghost = suggested(open_neovim, PAGE + TRACE)
    word = re.match(r"\s*(\w+|[^\w\s]+)", ghost)
    assert word
    assert word[0] != ghost, "the model suggested a single word"
    neovim.type("<M-w>")
    neovim.wait("the word is in the text", f"return vim.endswith(vim.api.nvim_get_current_line(), {'re' + word[0]!r})")
    neovim.watch_ghost(ghost, ghost[len(word[0]) :])
    neovim.save()
    assert saved(home) == CODE + INDENT + "re" + word[0] + "\n"
    poll("the server is told", lambda: "starcoder.acceptPartial" in commands(home))
    assert any(re.search(rf'arguments = \{{ "[^"]+", {len(word[0])}, "word" \}}', line) for line in sent(home))


def test_one_line_is_accepted_and_the_rest_stays(home: Home, open_neovim: Open) -> None:
    neovim, ghost = suggested(open_neovim, PAGE.replace("confidence = 0", "confidence = 0, multiline = 'always'"))
    line, newline, rest = ghost.partition("\n")
    neovim.type("<M-l>")
    neovim.wait("the line is in the text", f"return vim.endswith(vim.api.nvim_get_current_line(), {'re' + line!r})")
    if newline:
        neovim.watch_ghost(ghost, newline + rest)
    neovim.save()
    assert saved(home) == CODE + INDENT + "re" + line + "\n"


def test_typing_through_a_suggestion_keeps_the_rest_on_screen(open_neovim: Open) -> None:
    neovim = open_neovim(CODE)
    neovim.wait_ready()
    neovim.type("Gor")
    ghost = neovim.wait_ghost()
    for count, character in enumerate(ghost[:4], 1):
        neovim.type(character.replace("<", "<lt>"))
        neovim.watch_ghost(ghost[count - 1 :], ghost[count:])


def test_accepting_in_the_middle_of_typing_doubles_nothing(home: Home, open_neovim: Open) -> None:
    neovim = open_neovim(CODE)
    neovim.wait_ready()
    neovim.type("Gor")
    ghost = neovim.wait_ghost()
    neovim.type(ghost[0])
    neovim.type(ghost[1])
    neovim.type("<Tab>")
    neovim.wait_no_ghost()
    neovim.save()
    assert saved(home) == CODE + INDENT + "r" + ghost + "\n"


def test_a_contradicted_suggestion_vanishes_at_once(open_neovim: Open) -> None:
    neovim, ghost = suggested(open_neovim)
    neovim.type("Q")
    neovim.watch_ghost(ghost, "")
    neovim.type("<BS>")
    neovim.watch_ghost("", ghost)


def test_escape_and_the_dismiss_key_hide_a_suggestion(home: Home, open_neovim: Open) -> None:
    neovim, _ = suggested(open_neovim, PAGE + TRACE)
    neovim.type("<C-]>")
    neovim.wait_no_ghost()
    assert neovim.lua("return vim.api.nvim_get_mode().mode") == "i"
    poll("the server is told", lambda: commands(home).count("starcoder.reject") == 1)
    neovim.type("t")
    neovim.wait_ghost()
    neovim.type("<Esc>")
    neovim.wait_no_ghost()
    poll("the server is told again", lambda: commands(home).count("starcoder.reject") == 2)
    neovim.save()
    assert saved(home) == CODE + INDENT + "ret\n"


def test_windows_line_ends_and_emoji_before_the_cursor(home: Home, open_neovim: Open) -> None:
    code = CODE.replace("multiply(a, b):", "multiply(a, b):  # 🎉 é 漢").replace("\n", "\r\n")
    configuration = PAGE.replace("confidence = 0", "confidence = 0, multiline = 'always'")
    neovim = open_neovim(code + '    "👩\u200d💻"; re', configuration)
    assert neovim.lua("return vim.bo.fileformat") == "dos"
    neovim.wait_ready()
    neovim.type("GA")
    ghost = neovim.wait_ghost()
    assert "\r" not in ghost
    neovim.type("<Tab>")
    neovim.wait("the suggestion is in the text", "return vim.bo.modified")
    neovim.save()
    assert saved(home) == code + '    "👩\u200d💻"; re' + ghost.replace("\n", "\r\n") + "\r\n"


def test_loading_is_shown_and_the_status_component_tells_the_model(open_neovim: Open) -> None:
    neovim = open_neovim(CODE, RECORD + PAGE)
    neovim.wait_ready()
    progress = neovim.wait("progress has ended", "return vim.list_contains(record.progress, 'end') and record.progress")
    assert progress[0] == "begin"
    components = neovim.lua("return record.components")
    assert any(re.search(r": loading( \d+%)?$", it) for it in components), components
    neovim.type("Gore")
    neovim.wait_ghost()
    assert neovim.wait("a latency", "return require('starcoder').status():match('^nano %d+ ms$')")


def test_paused_suggestions_resume(open_neovim: Open) -> None:
    neovim = open_neovim(CODE)
    neovim.wait_ready()
    neovim.type(":StarcoderPause!<CR>")
    neovim.wait("the buffer is paused", "return require('starcoder').status() == 'nano: paused'")
    neovim.lua(
        "answers = 0 vim.api.nvim_create_autocmd('LspRequest', { callback = function(event) "
        "local it = event.data.request if it.method == 'textDocument/inlineCompletion' and it.type == 'complete' "
        "then answers = answers + 1 end end })"
    )
    neovim.type("Gore")
    neovim.wait("the server has answered", "return answers > 0")
    assert neovim.ghost() == ""
    neovim.type("<Esc>:StarcoderResume!<CR>")
    neovim.wait("the buffer is resumed", "return require('starcoder').status():find('paused') == nil")
    neovim.type("a<BS>e")
    assert neovim.wait_ghost()
    neovim.type("<Esc>:StarcoderPause<CR>")
    neovim.wait("everything is paused", "return require('starcoder.status').get(0).state == 'paused'")
    neovim.type(":StarcoderResume<CR>")
    neovim.wait_ready()


def test_models_are_completed_picked_and_refused_with_a_sentence(open_neovim: Open) -> None:
    neovim = open_neovim(CODE)
    neovim.wait_ready()
    assert neovim.lua("return vim.fn.getcompletion('StarcoderModel na', 'cmdline')") == ["nano"]
    neovim.lua(
        "vim.ui.select = function(items, options, choose) "
        "picked = vim.tbl_map(options.format_item, items) choose(items[1]) end"
    )
    neovim.type(":StarcoderModel<CR>")
    picked = neovim.wait("the picker", "return picked")
    assert any(re.fullmatch(r"\* nano \(\d+ MB\)", it) for it in picked), picked
    neovim.wait("it is said", "return vim.api.nvim_exec2('messages', { output = true }).output:find('nano is in use')")
    neovim.type(":StarcoderModel /nowhere/at-all.gguf<CR>")
    neovim.wait(
        "the refusal is said", "return vim.api.nvim_exec2('messages', { output = true }).output:find('at%-all')"
    )
    neovim.wait_ready()
    neovim.type(":StarcoderStatus<CR>")
    neovim.wait(
        "the status is said", "return vim.api.nvim_exec2('messages', { output = true }).output:find('engine   ')"
    )


def test_a_server_killed_in_mid_request_comes_back_and_suggests_again(open_neovim: Open) -> None:
    neovim, _ = suggested(open_neovim)
    (server,) = neovim.servers()
    server.suspend()
    neovim.type("t")
    neovim.wait(
        "the request is out",
        "for _, it in pairs(vim.lsp.get_clients()[1].requests) do if it.method:find('inline') then return true end end",
    )
    server.kill()
    poll("another server", lambda: any(it.pid != server.pid for it in neovim.servers()))
    neovim.wait("another client", "local it = vim.lsp.get_clients({ name = 'starcoder' })[1] return it and it.id > 1")
    neovim.wait_ready()
    assert "starcoder-lsp ended (signal 9); starting it again" in neovim.messages()
    neovim.type("<BS>t")
    assert neovim.wait_ghost()


def test_a_crash_stops_nobody_who_types(open_neovim: Open) -> None:
    neovim = open_neovim(CODE, on_screen=True)
    neovim.wait_ready()
    neovim.type("Go")
    (server,) = neovim.servers()
    server.kill()
    neovim.wait(
        "it is said", "return vim.api.nvim_exec2('messages', { output = true }).output:find('starting it again')"
    )
    neovim.wait("another client", "local it = vim.lsp.get_clients({ name = 'starcoder' })[1] return it and it.id > 1")
    neovim.wait_ready()
    assert neovim.lua("return vim.api.nvim_get_mode()") == {"mode": "i", "blocking": False}
    assert "quit with exit code" not in neovim.messages()
    neovim.type("re")
    assert neovim.wait_ghost()


def test_a_server_that_keeps_crashing_is_left_alone_with_an_explanation(home: Home, open_neovim: Open) -> None:
    marker = home.path / "starts"
    crash = home.file("crash", f"#!/bin/sh\necho >> {marker}\nexit 3\n")
    crash.chmod(0o755)
    neovim = open_neovim(CODE, PAGE.replace("options =", f"cmd = {{ '{crash}' }}, options ="))
    neovim.wait(
        "the explanation", "return vim.api.nvim_exec2('messages', { output = true }).output:find('is left alone now')"
    )
    assert marker.read_text().count("\n") == 4


def test_checkhealth_finds_everything(open_neovim: Open) -> None:
    neovim = open_neovim(CODE)
    neovim.wait_ready()
    neovim.lua("return vim.cmd('checkhealth starcoder')")
    report = "\n".join(neovim.lines())
    assert "ERROR" not in report
    assert "WARN" not in report
    assert re.search(r"OK 0\.1[2-9].* shows ghost text", report)
    assert re.search(r"OK .*starcoder-lsp.*\d+\.\d+.*\(.*/bin/starcoder-lsp\)", report)
    assert "OK Attached to 1 buffer, root" in report
    assert re.search(r"OK Model nano, engine \S+: \w+", report)


def test_checkhealth_says_what_is_missing(open_neovim: Open) -> None:
    neovim = open_neovim(CODE, PAGE.replace("options =", "cmd = { 'nowhere-lsp', '--stdio' }, options ="))
    neovim.wait(
        "it is said without being asked",
        "return vim.api.nvim_exec2('messages', { output = true }).output:find('no `nowhere%-lsp` on the PATH')",
    )
    neovim.lua("return vim.cmd('checkhealth starcoder')")
    report = "\n".join(neovim.lines())
    assert "ERROR `nowhere-lsp` is not executable" in report
    assert "pipx install ." in report
    assert "attached to no buffer" in report


def test_help_is_found(open_neovim: Open, home: Home) -> None:
    shutil.copytree(REPOSITORY / "editors" / "neovim", home.path / "plugin", ignore=shutil.ignore_patterns("tags"))
    neovim = open_neovim("", PAGE.replace("starcoder-lsp/editors/neovim", "plugin"))
    for tag in ("starcoder", ":StarcoderModel", "starcoder-keys", "starcoder-nothing"):
        neovim.lua(f"return vim.cmd('help {tag}')")
        assert neovim.lua("return vim.fn.expand('%:t')") == "starcoder.txt"


def test_a_refreshed_suggestion_is_asked_for_again(home: Home, open_neovim: Open) -> None:
    neovim, ghost = suggested(open_neovim, PAGE + TRACE)
    before = requests(home)
    neovim.lua(
        "local it = vim.lsp.get_clients()[1] "
        "it.handlers['starcoder/refresh'](nil, { uri = vim.uri_from_bufnr(0) }, {}) return true"
    )
    poll("another request", lambda: requests(home) > before)
    assert neovim.ghost() == ghost


def test_neovim_011_completes_in_the_menu_and_says_so(home: Home, open_neovim: Open) -> None:
    pretend = """
local has = vim.fn.has
vim.fn.has = function(what) return what == 'nvim-0.12' and 0 or has(what) end
"""
    neovim = open_neovim(CODE, pretend + PAGE)
    neovim.wait_ready()
    assert "ghost text needs Neovim 0.12" in neovim.messages()
    neovim.type("Gore")

    asked = -math.inf

    def suggests() -> bool:
        """Ask again where the server was not ready in time, as a person would."""
        nonlocal asked
        if neovim.lua("return vim.api.nvim_get_current_line() ~= '    re'"):
            return True
        if time.monotonic() - asked > 3:
            neovim.type("<C-x><C-o>")
            asked = time.monotonic()
        return False

    poll("the suggestion is in the text", suggests)
    neovim.save()
    text = saved(home)
    assert text.startswith(CODE + INDENT + "re")
    assert len(text) > len(CODE + INDENT + "re\n")
    assert "rere" not in text
    assert text.count("\n") == CODE.count("\n") + 1


def test_on_a_real_screen(home: Home, open_neovim: Open) -> None:
    neovim = open_neovim(CODE, on_screen=True)
    screen = neovim.screen
    assert screen
    screen.wait("the statusline tells the model", lambda text: "nano" in text and "loading" not in text)
    screen.press("G", "o")
    screen.type("re")
    ghost = neovim.wait_ghost()
    line = ghost.split("\n")[0]
    screen.wait("ghost text on the screen", lambda text: f"{INDENT}re{line}" in text)
    assert neovim.lines()[-1] == INDENT + "re"
    screen.press("Tab")
    screen.wait("the suggestion is in the text", lambda _: neovim.lines()[-1] != INDENT + "re")
    screen.press("Escape")
    neovim.wait("normal mode", "return vim.api.nvim_get_mode().mode == 'n'")
    screen.type(":w")
    screen.press("Enter")
    poll("the file is saved", lambda: saved(home) == CODE + INDENT + "re" + ghost + "\n")
