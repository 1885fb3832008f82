---@brief
---
--- `starcoder-lsp` completes code at the cursor with a StarCoder model that runs on your own machine.
---
--- ```lua
--- vim.lsp.enable('starcoder')
--- vim.lsp.inline_completion.enable()
--- ```
---
--- Options of the server go into `init_options`; docs/protocol.md lists them. This file works on its own; the plugin it comes
--- with adds word and line accept, commands, a status component and |:checkhealth|.

--- LSP's names for what Neovim calls otherwise.
local language_ids = {
  cs = 'csharp',
  gitcommit = 'git-commit',
  make = 'makefile',
  ps1 = 'powershell',
  sh = 'shellscript',
  bash = 'shellscript',
  zsh = 'shellscript',
  tex = 'latex',
}

---@type vim.lsp.Config
return {
  cmd = { 'starcoder-lsp', '--stdio' },
  root_markers = { '.git', '.hg', 'pyproject.toml', 'package.json', 'Cargo.toml', 'go.mod' },
  get_language_id = function(_, filetype)
    return language_ids[filetype] or filetype
  end,
  -- The server reads ahead while you type: it wants each keystroke at once (the default is 150 ms later). A change is a few bytes.
  flags = { debounce_text_changes = 0 },
  init_options = {},
}
