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

---@type table<integer, starcoder.Suggestion[]?> by buffer: those of the latest answer, the one on screen first
local latest = {}

---@type table<integer, fun(found: boolean)?> by buffer: the next request was asked for by hand, and who wants to know what came
local by_hand = {}

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
    local answered = by_hand[bufnr]
    by_hand[bufnr] = nil
    if answered then
      params.context.triggerKind = vim.lsp.protocol.InlineCompletionTriggerKind.Invoked
    end
    return request(self, method, params, function(err, result, ctx, config)
      local buf = ctx.bufnr
      if not err and result and vim.api.nvim_buf_is_loaded(buf) then
        latest[buf] = vim
          .iter(result.items or result)
          :map(function(item)
            return parse(client, buf, params.position, item)
          end)
          :totable()
      end
      handler(err, result, ctx, config)
      M.hide_stale(buf)
      require('starcoder.reports').shown(M.visible(buf))
      if answered and not err then
        answered(M.visible(buf) ~= nil)
      end
    end, bufnr)
  end
end

--- Makes Neovim ask again, as it does after a keystroke (and after the same wait of 200 ms): it has no function for that.
---@param buf integer
---@param answered? fun(found: boolean) Asks as by hand, so that what the model is not sure of is shown too
function M.ask_again(buf, answered)
  by_hand[buf] = answered
  pcall(vim.api.nvim_exec_autocmds, 'CursorMovedI', { group = 'nvim.lsp.inline_completion:' .. buf, buffer = buf })
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

--- What is left of a suggestion at the cursor; nil when the text before the cursor is not its beginning.
---@param buf integer
---@param it starcoder.Suggestion
---@return string? rest
local function left_of(buf, it)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  if row - 1 ~= it.row or col < it.col then
    return nil
  end
  local typed = vim.api.nvim_buf_get_text(buf, it.row, it.col, it.row, col, {})[1]
  if not vim.startswith(it.text, typed) or #typed == #it.text then
    return nil
  end
  return it.text:sub(#typed + 1)
end

--- The suggestion on screen (where none of the latest is, the first of them that holds), and what is left of it at the cursor.
---@param buf integer
---@return starcoder.Suggestion? suggestion
---@return string? rest
function M.left(buf)
  local several = latest[buf]
  if not several or vim.api.nvim_get_current_buf() ~= buf then
    return nil
  end
  local shown = ghost(buf) or ''
  local best, best_rest, best_size, at ---@type starcoder.Suggestion?, string?, integer, integer
  best_size = -1
  for index, it in ipairs(several) do
    local rest = left_of(buf, it)
    local size = rest and (vim.startswith(shown, rest) and #rest or 0) or -1
    if size > best_size then
      best, best_rest, best_size, at = it, rest, size, index
    end
  end
  if best then
    table.insert(several, 1, table.remove(several, at)) -- it stays the one when its ghost text is gone
  end
  return best, best_rest
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
