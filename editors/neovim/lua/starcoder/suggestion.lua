--- The suggestion on screen. Neovim draws and holds it, but tells nobody which one it is: this module reads the answers as they come in,
--- and works out what is left of one after some of it was typed.
local M = {}

---@class starcoder.Suggestion
---@field id string Names it to the server
---@field client_id integer
---@field text string All of it
---@field row integer Where it begins, 0-based
---@field col integer Where it begins, in bytes
---@field tail integer Bytes behind the cursor that it replaces
---@field command? lsp.Command Tells the server that it was accepted
---@field reported? boolean The server knows that it was shown

local METHOD = 'textDocument/inlineCompletion'
local namespace = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')

---@type table<integer, starcoder.Suggestion?> by buffer
local latest = {}

---@param client vim.lsp.Client
---@param buf integer
---@param position lsp.Position
---@return integer row
---@return integer col
local function to_bytes(client, buf, position)
  local line = vim.api.nvim_buf_get_lines(buf, position.line, position.line + 1, false)[1] or ''
  return position.line, vim.str_byteindex(line, client.offset_encoding, position.character, false)
end

---@param client vim.lsp.Client
---@param buf integer
---@param asked lsp.Position
---@param item lsp.InlineCompletionItem
---@return starcoder.Suggestion?
local function parse(client, buf, asked, item)
  if type(item.insertText) ~= 'string' then
    return nil
  end
  local range = item.range or { start = asked, ['end'] = asked }
  local row, col = to_bytes(client, buf, range.start)
  local asked_row, asked_col = to_bytes(client, buf, asked)
  local end_row, end_col = to_bytes(client, buf, range['end'])
  return {
    id = vim.tbl_get(item, 'command', 'arguments', 1),
    client_id = client.id,
    text = item.insertText,
    row = row,
    col = col,
    tail = end_row == asked_row and end_col - asked_col or 0,
    command = item.command,
  }
end

--- Reads the answers that the client gets from now on.
---@param client vim.lsp.Client
function M.observe(client)
  if rawget(client, 'starcoder_observed') then
    return
  end
  rawset(client, 'starcoder_observed', true)
  local request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  function client.request(self, method, params, handler, bufnr)
    if method ~= METHOD or not handler then
      return request(self, method, params, handler, bufnr)
    end
    return request(self, method, params, function(err, result, ctx, config)
      local buf = ctx.bufnr
      if not err and result and vim.api.nvim_buf_is_loaded(buf) then
        local item = (result.items or result)[1]
        latest[buf] = item and parse(client, buf, params.position, item)
      end
      handler(err, result, ctx, config)
      M.hide_stale(buf)
      require('starcoder.reports').shown(M.visible(buf))
    end, bufnr)
  end
end

--- The latest suggestion and what is left of it at the cursor; nil when the text before the cursor is not its beginning.
---@param buf integer
---@return starcoder.Suggestion? suggestion
---@return string? rest
function M.left(buf)
  local it = latest[buf]
  if not it or vim.api.nvim_get_current_buf() ~= buf then
    return nil
  end
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  if row - 1 ~= it.row or col < it.col then
    return nil
  end
  local typed = vim.api.nvim_buf_get_text(buf, it.row, it.col, it.row, col, {})[1]
  if not vim.startswith(it.text, typed) or #typed == #it.text then
    return nil
  end
  return it, it.text:sub(#typed + 1)
end

--- The ghost text that Neovim shows in the buffer.
---@param buf integer
---@return string?
local function ghost(buf)
  local mark = vim.api.nvim_buf_get_extmarks(buf, namespace, 0, -1, { details = true, limit = 1 })[1]
  if not mark then
    return nil
  end
  local lines = { mark[4].virt_text or {} }
  vim.list_extend(lines, mark[4].virt_lines or {})
  return vim.iter(lines)
    :map(function(chunks)
      return vim.iter(chunks):map(function(chunk)
        return chunk[1]
      end):join('')
    end)
    :join('\n')
end

--- Like left(), for a suggestion that is on screen.
---@param buf integer
---@return starcoder.Suggestion? suggestion
---@return string? rest
function M.visible(buf)
  local it, rest = M.left(buf)
  if it and rest and vim.startswith(ghost(buf) or '', rest) then
    return it, rest
  end
end

--- Neovim keeps showing a suggestion that the user has typed something else into: hide it until the next one comes.
---@param buf integer
function M.hide_stale(buf)
  if latest[buf] and not M.left(buf) then
    vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  end
end

---@param buf integer
function M.forget(buf)
  latest[buf] = nil
end

return M
