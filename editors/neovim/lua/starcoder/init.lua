--- The plugin's front door: setup(), the functions that keys are mapped to, and the status component.
local M = {}

---@class starcoder.Options
--- Command that starts the server. (default: `{ 'starcoder-lsp', '--stdio' }`)
---@field cmd? string[]
--- Ghost text; false: suggestions in the completion menu, as on Neovim 0.11. (default: true)
---@field inline? boolean
--- Start the server again when it crashes, three times in three minutes at most. (default: true)
---@field restart? boolean
--- Options of the server, for instance `{ model = 'nano' }`; docs/protocol.md lists them.
---@field options? table<string, any>

--- `:h starcoder` needs a tags file. Plugin managers make it; without one nobody else does.
local function index_help()
  local doc = vim.fs.joinpath(vim.fs.dirname(vim.fs.dirname(vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2)))), 'doc')
  if vim.fn.getftime(doc .. '/tags') < vim.fn.getftime(doc .. '/starcoder.txt') then
    pcall(vim.cmd.helptags, vim.fn.fnameescape(doc)) -- a folder that is not ours to write goes without
  end
end

--- Neovim starts no server that is not there, and says so in its log only.
local function say_if_missing()
  local cmd = vim.lsp.config.starcoder.cmd
  if type(cmd) == 'table' and vim.fn.executable(cmd[1]) == 0 then
    vim.notify_once(('starcoder: no `%s` on the PATH; see :checkhealth starcoder'):format(cmd[1]), vim.log.levels.WARN)
  end
end

--- Starts the server for every file from now on and turns suggestions on.
---@param opts? starcoder.Options
function M.setup(opts)
  opts = opts or {}
  vim.cmd.runtime('plugin/starcoder.lua') -- for those who load plugins late
  vim.validate('opts', opts, 'table')
  vim.validate('opts.cmd', opts.cmd, 'table', true)
  vim.validate('opts.inline', opts.inline, 'boolean', true)
  vim.validate('opts.restart', opts.restart, 'boolean', true)
  vim.validate('opts.options', opts.options, 'table', true)

  local inline = opts.inline ~= false and vim.fn.has('nvim-0.12') == 1
  -- Of a menu item Neovim inserts the first line only.
  local options = inline and { refresh = true } or { plainCompletion = 'always', multiline = 'never' }
  local config = {
    cmd = opts.cmd,
    init_options = vim.tbl_extend('force', options, opts.options or {}),
  }
  if opts.restart ~= false then
    config.on_exit = require('starcoder.restart')
  end
  vim.lsp.config('starcoder', config)

  require(inline and 'starcoder.inline' or 'starcoder.menu').enable()
  if opts.inline ~= false and not inline then
    vim.notify_once(
      'starcoder: ghost text needs Neovim 0.12. Here suggestions come with the completion menu: press CTRL-X CTRL-O.',
      vim.log.levels.INFO
    )
  end
  vim.lsp.enable('starcoder')
  index_help()
  vim.schedule(say_if_missing) -- once the screen is there
end

--- Accepts the suggestion that is shown. False when there is none: map a fallback to it.
---@return boolean
function M.accept()
  return require('starcoder.accept').all()
end

--- Accepts the next word of the suggestion; what is left stays on screen.
---@return boolean
function M.accept_word()
  return require('starcoder.accept').word()
end

--- Accepts the suggestion up to the end of its (next) line; what is left stays on screen.
---@return boolean
function M.accept_line()
  return require('starcoder.accept').line()
end

--- Asks for a suggestion at the cursor (Insert mode). What the model is not sure of is shown too.
function M.suggest()
  require('starcoder.ask')(vim.api.nvim_get_current_buf())
end

--- Hides the suggestion and stays in insert mode.
---@return boolean
function M.dismiss()
  return require('starcoder.accept').none()
end

--- Is a suggestion shown in this buffer?
---@return boolean
function M.visible()
  return require('starcoder.suggestion').visible(vim.api.nvim_get_current_buf()) ~= nil
end

--- A few words for a statusline: the model and what it is doing. Empty where the server is not attached.
---@return string
function M.status()
  return require('starcoder.status').component(vim.api.nvim_get_current_buf())
end

return M
