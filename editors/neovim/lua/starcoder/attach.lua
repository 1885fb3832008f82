--- What the plugin does to a client of starcoder-lsp: it listens to its notifications and follows its suggestions.
local reports = require('starcoder.reports')
local status = require('starcoder.status')
local suggestion = require('starcoder.suggestion')

local group = vim.api.nvim_create_augroup('starcoder.buffer', {})

---@param buf integer
local function follow(buf)
  vim.api.nvim_clear_autocmds({ group = group, buffer = buf })
  -- TextChangedI comes after CursorMovedI, where Neovim has drawn the ghost text again.
  vim.api.nvim_create_autocmd({ 'TextChangedI', 'CursorMovedI' }, {
    group = group,
    buffer = buf,
    desc = 'Hide a suggestion that the text contradicts',
    callback = function()
      suggestion.hide_stale(buf)
    end,
  })
  vim.api.nvim_create_autocmd('InsertLeavePre', {
    group = group,
    buffer = buf,
    desc = 'Leaving insert mode rejects the suggestion',
    callback = function()
      reports.rejected(suggestion.visible(buf))
      suggestion.forget(buf)
    end,
  })
end

---@param client vim.lsp.Client
---@param buf integer
return function(client, buf)
  client.handlers['starcoder/status'] = status.handler
  client.handlers['starcoder/refresh'] = require('starcoder.refresh')
  suggestion.observe(client)
  follow(buf)
end
