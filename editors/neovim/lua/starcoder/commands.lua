--- The :Starcoder… commands: each asks the server and says what came of it.
local status = require('starcoder.status')

local M = {}

---@return vim.lsp.Client?
local function client()
  local found = vim.lsp.get_clients({ name = 'starcoder' })[1]
  if not found then
    vim.notify('starcoder-lsp is not running: see :checkhealth starcoder', vim.log.levels.WARN)
  end
  return found
end

---@param command string
---@param arguments any[]
---@param done fun(result: any)
local function ask(command, arguments, done)
  local server = client()
  if not server then
    return
  end
  server:request('workspace/executeCommand', { command = command, arguments = arguments }, function(err, result)
    if err then
      vim.notify('starcoder: ' .. err.message, vim.log.levels.ERROR)
    else
      done(result)
    end
  end)
end

---@param command string
---@param here boolean Only in this buffer
---@param word string
local function toggle(command, here, word)
  local arguments = here and { vim.uri_from_bufnr(0) } or {}
  ask(command, arguments, function()
    vim.notify(('starcoder: suggestions %s %s'):format(word, here and 'in this buffer' or 'everywhere'))
  end)
end

---@param here boolean
function M.pause(here)
  require('starcoder').dismiss()
  toggle('starcoder.pause', here, 'paused')
end

---@param here boolean
function M.resume(here)
  toggle('starcoder.resume', here, 'resumed')
end

---@param name string
local function switch(name)
  local now = status.get()
  local in_use = now and now.model == name and (now.state == 'ready' or now.state == 'busy')
  ask('starcoder.switchModel', { name }, function()
    vim.notify(in_use and ('starcoder: %s is in use'):format(name) or 'starcoder: switching to ' .. name)
  end)
end

---@class starcoder.Model
---@field name string
---@field path string
---@field bytes integer
---@field current boolean

---@param bytes integer
---@return string
local function size(bytes)
  return bytes >= 1e9 and ('%.1f GB'):format(bytes / 1e9) or ('%.0f MB'):format(math.max(1, bytes / 1e6))
end

---@param model starcoder.Model
---@return string
local function describe(model)
  local about = type(model.bytes) == 'number' and (' (%s)'):format(size(model.bytes)) or ''
  return (model.current and '* ' or '  ') .. model.name .. about
end

---@param name string Empty: pick one
function M.model(name)
  if name ~= '' then
    switch(name)
    return
  end
  ask('starcoder.models', {}, function(models)
    vim.ui.select(models, { prompt = 'StarCoder model', format_item = describe }, function(model)
      if model then
        switch(model.name)
      end
    end)
  end)
end

---@param lead string
---@return string[]
function M.complete_model(lead)
  local server = vim.lsp.get_clients({ name = 'starcoder' })[1]
  local answer = server and server:request_sync('workspace/executeCommand', { command = 'starcoder.models', arguments = {} }, 1000)
  return vim
    .iter(answer and answer.result or {})
    :map(function(model)
      return model.name
    end)
    :filter(function(name)
      return vim.startswith(name, lead)
    end)
    :totable()
end

--- Shows what was read for the suggestion at hand.
function M.why()
  ask('starcoder.context', {}, require('starcoder.why').show)
end

function M.status()
  local now = client() and status.get()
  if not now then
    return
  end
  local lines = { 'starcoder-lsp: ' .. (now.message or now.state) }
  if now.message then
    lines[#lines + 1] = '  state    ' .. now.state
  end
  lines[#lines + 1] = '  model    ' .. (now.model or 'none')
  lines[#lines + 1] = '  engine   ' .. (now.engine or 'none')
  lines[#lines + 1] = '  latency  ' .. (now.latencyMs and ('%.0f ms'):format(now.latencyMs) or 'no suggestion yet')
  lines[#lines + 1] = '  buffer   ' .. (status.paused(now, vim.api.nvim_get_current_buf()) and 'paused' or 'not paused')
  if now.shown and now.hidden then
    lines[#lines + 1] = ('  session  %d shown, %d hidden: not sure enough'):format(now.shown, now.hidden)
  end
  local reason = status.reason(now)
  if reason then
    lines[#lines + 1] = '  last     ' .. reason
  end
  vim.api.nvim_echo({ { table.concat(lines, '\n') } }, true, {})
end

M.ask = ask
M.size = size

return M
