--- :checkhealth starcoder
local status = require('starcoder.status')

local M = {}
local health = vim.health

local function check_neovim()
  health.start('Neovim')
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.12') == 1 then
    health.ok(version .. ' shows ghost text')
  elseif vim.fn.has('nvim-0.11') == 1 then
    health.warn(version .. ' completes in the menu (CTRL-X CTRL-O)', 'Neovim 0.12 shows suggestions as ghost text.')
  else
    health.error(version .. ' is too old', 'starcoder needs Neovim 0.11, and 0.12 for ghost text.')
  end
end

---@param cmd string[]
---@return string? version
---@return string? problem
local function ask_version(cmd)
  local words = vim.tbl_filter(function(word)
    return word ~= '--stdio'
  end, cmd)
  local ok, answer = pcall(function()
    return vim.system(vim.list_extend(words, { '--version' }), { text = true }):wait(20000)
  end)
  if not ok then
    return nil, tostring(answer)
  elseif answer.code ~= 0 then
    return nil, ('exit code %d: %s'):format(answer.code, vim.trim(answer.stderr or ''))
  end
  return vim.trim(answer.stdout)
end

local function check_executable()
  health.start('Server')
  local cmd = (vim.lsp.config.starcoder or {}).cmd
  if type(cmd) ~= 'table' then
    health.info('The command is a function: it is not checked here')
    return
  end
  local path = vim.fn.exepath(cmd[1])
  if path == '' then
    health.error(('`%s` is not executable'):format(cmd[1]), {
      'Install it as README.md says under "Install" (in a clone: `pipx install .`) and see that it is on the PATH,',
      "or name it: `require('starcoder').setup({ cmd = { '/path/to/starcoder-lsp', '--stdio' } })`",
    })
    return
  end
  local version, problem = ask_version(cmd)
  if version then
    health.ok(('%s (%s)'):format(version, path))
  else
    health.error(('`%s --version` failed: %s'):format(path, problem))
  end
end

---@param client vim.lsp.Client
local function check_client(client)
  local buffers = vim.tbl_keys(client.attached_buffers)
  health.ok(('Attached to %d buffer%s, root %s'):format(#buffers, #buffers == 1 and '' or 's', client.root_dir or 'none'))
  local now = buffers[1] and status.get(buffers[1])
  if not now then
    health.warn('The server has not said how it is yet')
    return
  end
  local words = ('Model %s, engine %s: %s'):format(now.model or 'none', now.engine or 'none', now.message or now.state)
  if now.state == 'error' then
    health.error(words)
  else
    health.ok(words)
  end
  if vim.fn.has('nvim-0.12') == 1 and not client:supports_method('textDocument/inlineCompletion') then
    health.error('The server offers no inline completion')
  end
  for _, buf in ipairs(buffers) do
    if vim.fn.has('nvim-0.12') == 1 and not vim.lsp.inline_completion.is_enabled({ bufnr = buf }) then
      health.info(('Buffer %d shows no ghost text: `:lua vim.lsp.inline_completion.enable()`'):format(buf))
    end
  end
end

local function check_clients()
  health.start('Suggestions')
  local clients = vim.lsp.get_clients({ name = 'starcoder' })
  if #clients > 0 then
    vim.iter(clients):each(check_client)
  elseif not vim.lsp.is_enabled or vim.lsp.is_enabled('starcoder') then -- 0.11 cannot tell
    health.warn('Enabled, but attached to no buffer', {
      'Open a file.',
      '`:checkhealth vim.lsp` and `:lua vim.cmd.edit(vim.lsp.log.get_filename())` say more.',
    })
  else
    health.warn('Not enabled', "Put `require('starcoder').setup()` into your init.lua.")
  end
end

function M.check()
  check_neovim()
  if vim.fn.has('nvim-0.11') == 1 then
    check_executable()
    check_clients()
  end
end

return M
