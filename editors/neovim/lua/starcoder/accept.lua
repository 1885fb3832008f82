--- Accepting a suggestion: all of it, its next word, its next line, or nothing.
local reports = require('starcoder.reports')
local suggestion = require('starcoder.suggestion')

local M = {}

--- Ends the undo step that is under way: setting 'undolevels' does, to the same value too (:h undo-break).
local function break_undo()
  vim.go.undolevels = vim.go.undolevels
end

--- Puts text at the cursor and the cursor behind it; `tail` bytes behind the cursor give way. One `u` takes it back.
---@param text string
---@param tail integer
local function insert(text, tail)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local lines = vim.split(text, '\n', { plain = true })
  break_undo()
  vim.api.nvim_buf_set_text(0, row - 1, col, row - 1, col + tail, lines)
  vim.api.nvim_win_set_cursor(0, { row + #lines - 1, (#lines == 1 and col or 0) + #lines[#lines] })
  break_undo()
end

--- Makes Neovim let go of the suggestion it shows, then calls `after`. Neovim schedules it: expression mappings may not change text.
---@param after fun()
local function release(after)
  vim.lsp.inline_completion.get({
    on_accept = function()
      after()
      return nil
    end,
  })
end

---@param buf integer
---@param part? 'word'|'line' It was the last one
local function accept_all(buf, part)
  release(function()
    -- Neovim would insert the suggestion where it began when it was asked for: what was typed since would be there twice.
    local it, rest = suggestion.left(buf)
    if not it or not rest then
      return
    end
    insert(rest, it.tail)
    if part then
      reports.accepted_part(it, #it.text, part)
    end
    reports.accepted(it, buf)
    suggestion.forget(buf)
  end)
end

--- Accepts the part of the rest that `take` returns; the remainder is typed through, so Neovim keeps showing it.
---@param name 'word'|'line'
---@param take fun(rest: string): string
---@return boolean
local function accept_part(name, take)
  local buf = vim.api.nvim_get_current_buf()
  local it, rest = suggestion.visible(buf)
  if not it or not rest then
    return false
  end
  local part = take(rest)
  if part == rest then
    accept_all(buf, name)
    return true
  end
  vim.schedule(function()
    if suggestion.left(buf) == it then
      insert(part, 0)
      reports.accepted_part(it, #it.text - #rest + #part, name)
    end
  end)
  return true
end

---@return boolean
function M.all()
  local buf = vim.api.nvim_get_current_buf()
  if not suggestion.visible(buf) then
    return false
  end
  accept_all(buf)
  return true
end

---@return boolean
function M.word()
  return accept_part('word', function(rest)
    local word = vim.fn.matchstr(rest, [[^\_s*\%(\k\+\|\%(\k\@!\S\)\+\)]])
    return word ~= '' and word or rest
  end)
end

---@return boolean
function M.line()
  return accept_part('line', function(rest)
    return rest:match('^\n?[^\n]*')
  end)
end

---@return boolean
function M.none()
  local buf = vim.api.nvim_get_current_buf()
  local it = suggestion.visible(buf)
  if not it then
    return false
  end
  release(function()
    reports.rejected(it)
    suggestion.forget(buf)
  end)
  return true
end

return M
