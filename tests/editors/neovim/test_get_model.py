"""Fetching a model from Neovim: pick, read the licence, watch, cancel, use. The tests start the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.models.catalogue import shipped_model
from tests.editors.lab import poll
from tests.editors.neovim.driver import CODE, PAGE
from tests.support.local_hub import Hub, local_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.editors.lab import Home
    from tests.editors.neovim.driver import Open

pytestmark = pytest.mark.editors

FILE = "second-state/StarCoder2-3B-GGUF/starcoder2-3b-Q4_K_M.gguf"
PROGRESS = """
record = { progress = {}, asked = {} }
vim.api.nvim_create_autocmd('LspProgress', { callback = function(event)
  table.insert(record.progress, event.data.params.value.message or '')
end })
vim.ui.select = function(items, options, choose)
  shown = vim.tbl_map(options.format_item, items)
  for _, item in ipairs(items) do if item.name == 'starcoder2-3b' then return choose(item) end end
end
vim.fn.confirm = function(question) table.insert(record.asked, question) return answer end
"""
SAID = "return vim.api.nvim_exec2('messages', {{ output = true }}).output:find({!r}, 1, true)"
FETCHING = "return vim.iter(record.progress):any(function(text) return vim.startswith(text, 'Fetching') end)"


@pytest.fixture
def hub(home: Home) -> Iterator[Hub]:
    with local_hub() as hub:
        hub.files[FILE] = shipped_model().read_bytes()
        home.environment |= {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(home.path / "hf"),
            "HF_HUB_DOWNLOAD_TIMEOUT": "300",  # what the hub holds back may take long on a slow machine
        }
        yield hub


def test_a_model_is_picked_its_licence_accepted_and_used(home: Home, hub: Hub, open_neovim: Open) -> None:
    neovim = open_neovim(CODE, PROGRESS + PAGE)
    neovim.wait_ready()
    neovim.lua("answer = 2")
    neovim.type(":StarcoderGetModel<CR>")
    neovim.wait("the licence is shown", "return #record.asked > 0 and record.asked[1]")
    question = str(neovim.lua("return record.asked[1]"))
    assert "BigCode OpenRAIL-M" in question
    assert "https://" in question
    shown = neovim.lua("return shown")
    assert isinstance(shown, list)
    assert any("StarCoder2 3B (1.9 GB to fetch" in one for one in shown)
    assert hub.asked("GET /storage/") == [], "the answer was no"
    neovim.lua("answer = 1")
    neovim.type(":StarcoderGetModel starcoder2-3b<CR>")
    neovim.wait("it is said", SAID.format("got starcoder2-3b-Q4_K_M"))
    neovim.wait("it is used", "return require('starcoder.status').get(0).model == 'starcoder2-3b-Q4_K_M'")
    assert (home.path / "data" / "starcoder-lsp" / "models" / "starcoder2-3b-Q4_K_M.gguf").is_file()


def test_a_fetch_is_watched_and_cancelled_and_what_came_is_kept(home: Home, hub: Hub, open_neovim: Open) -> None:
    hub.hold.clear()
    neovim = open_neovim(CODE, PROGRESS + PAGE)
    neovim.wait_ready()
    neovim.lua("answer = 1")
    neovim.type(":StarcoderGetModel starcoder2-3b<CR>")
    neovim.wait("progress is shown", FETCHING)
    neovim.type(":StarcoderGetModel!<CR>")
    neovim.wait("it is said", SAID.format("cancelled"))
    hub.hold.set()
    folder = home.path / "data" / "starcoder-lsp" / "models"
    poll("something came", lambda: [*folder.glob(".*.part"), *folder.glob("*.gguf")])
    assert neovim.lua("return require('starcoder.status').get(0).model") == "nano"


def test_what_goes_wrong_is_said(hub: Hub, open_neovim: Open) -> None:
    hub.wrong_checksum = True
    neovim = open_neovim(CODE, PROGRESS + PAGE)
    neovim.wait_ready()
    neovim.type(":StarcoderGetModel starcoder9<CR>")
    neovim.wait("the mistake", SAID.format("no model"))
    neovim.type(":StarcoderGetModel hf:second-state/StarCoder2-3B-GGUF/starcoder2-3b-Q4_K_M.gguf<CR>")
    neovim.wait("the damage", SAID.format("SHA-256"))
    neovim.type(":StarcoderGetModel!<CR>")
    neovim.wait("nothing to cancel", SAID.format("nothing is being fetched"))
