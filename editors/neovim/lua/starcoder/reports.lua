--- Tells the server what became of its suggestions. docs/protocol.md has the commands.
local M = {}

---@param it starcoder.Suggestion
---@param command string
---@param arguments any[]
local function report(it, command, arguments)
  local client = vim.lsp.get_client_by_id(it.client_id)
  if client and it.id then
    client:request('workspace/executeCommand', { command = command, arguments = arguments }, function() end)
  end
end

---@param it? starcoder.Suggestion
function M.shown(it)
  if it and not it.reported then
    it.reported = true
    report(it, 'starcoder.show', { it.id })
  end
end

---@param it? starcoder.Suggestion
function M.rejected(it)
  if it then
    report(it, 'starcoder.reject', { it.id })
  end
end

---@param it starcoder.Suggestion
---@param buf integer
function M.accepted(it, buf)
  local client = vim.lsp.get_client_by_id(it.client_id)
  if client and it.command then
    client:exec_cmd(it.command, { bufnr = buf })
  end
end

---@param it starcoder.Suggestion
---@param bytes integer Accepted so far, from the suggestion's start
---@param part 'word'|'line' The newest of them
function M.accepted_part(it, bytes, part)
  report(it, 'starcoder.acceptPartial', { it.id, vim.str_utfindex(it.text:sub(1, bytes), 'utf-16'), part })
end

return M
