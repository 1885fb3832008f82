--- What the server says about itself (`starcoder/status`), kept for the statusline, the commands and :checkhealth.
local M = {}

---@class starcoder.Status
---@field state 'loading'|'ready'|'busy'|'paused'|'error'
---@field model? string
---@field engine? string
---@field message? string
---@field progress? integer Per cent, while loading
---@field latencyMs? number Of the last suggestion
---@field pausedUris string[]
---@field shown? integer Suggestions of this session that were shown
---@field hidden? integer Those that were made and hidden, because the model was not sure enough
---@field reason? 'unsure'|'off'|'empty'|'secret' Why the newest request was answered with nothing

---@type table<integer, starcoder.Status> by client id
local latest = {}

--- LSP's null is vim.NIL in Lua: nobody here wants to meet it.
---@param params table
---@return starcoder.Status
local function without_null(params)
  return vim.iter(params):fold({}, function(status, field, value)
    if value ~= vim.NIL then
      status[field] = value
    end
    return status
  end)
end

---@param params table
---@param ctx lsp.HandlerContext
function M.handler(_, params, ctx)
  latest[ctx.client_id] = without_null(params)
  vim.api.nvim_exec_autocmds('User', { pattern = 'StarcoderStatus', data = latest[ctx.client_id] })
  vim.cmd.redrawstatus({ bang = true })
end

--- The status of the client that serves a buffer.
---@param buf? integer
---@return starcoder.Status?
function M.get(buf)
  local client = vim.lsp.get_clients({ name = 'starcoder', bufnr = buf })[1]
  return client and latest[client.id]
end

---@param status starcoder.Status
---@param buf integer
---@return boolean
function M.paused(status, buf)
  return status.state == 'paused' or vim.list_contains(status.pausedUris or {}, vim.uri_from_bufnr(buf))
end

local reasons = {
  unsure = 'hidden: the model was not sure enough; ask by hand to see it (:h starcoder-nothing)',
  off = 'suggestions are off here',
  empty = 'there was nothing to suggest',
  secret = 'this looks like a secret: it is put into no prompt',
}

--- Why nothing was shown, in words; nil where something was, and for reasons of newer servers.
---@param status starcoder.Status
---@return string?
function M.reason(status)
  return reasons[status.reason]
end

---@param buf integer
---@return string
function M.component(buf)
  local status = M.get(buf)
  if not status then
    return ''
  end
  local model = status.model or 'starcoder'
  if status.state == 'error' then
    return 'starcoder: no model'
  elseif status.state == 'loading' then
    return ('%s: loading%s'):format(model, status.progress and (' %d%%'):format(status.progress) or '')
  elseif M.paused(status, buf) then
    return model .. ': paused'
  elseif status.state == 'busy' then
    return model .. ' …'
  elseif status.reason == 'unsure' then
    return model .. ': not sure'
  elseif status.reason == 'off' then
    return model .. ': off'
  elseif status.reason == 'secret' then
    return model .. ': secret'
  end
  return status.latencyMs and ('%s %.0f ms'):format(model, status.latencyMs) or model
end

return M
