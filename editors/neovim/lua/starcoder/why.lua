--- What the server read for the suggestion at hand, as a page for people: `starcoder.context` of docs/protocol.md.
local M = {}

---@class starcoder.Snippet
---@field path string
---@field start_line integer Counted from one
---@field end_line integer
---@field text string
---@field tokens integer
---@field score number
---@field why string

---@class starcoder.Context
---@field root? string
---@field budget? integer
---@field tokens? integer
---@field rank_ms? number
---@field index? { files: integer, symbols: integer }
---@field snippets? starcoder.Snippet[] In the order of the prompt, the best last
---@field left_out? { path: string, why: string }[]
---@field in_prompt? boolean Whether the newest answer was made with the snippets
---@field confidence? number Mean log-probability of a token
---@field evaluated? integer
---@field generated? integer
---@field message? string

--- A value of JSON; nil for null and for what an older server does not say.
local function given(value)
  if value ~= vim.NIL then
    return value
  end
end

---@param lines string[]
---@param context starcoder.Context
local function add_facts(lines, context)
  local confidence, evaluated, generated = given(context.confidence), given(context.evaluated), given(context.generated)
  if confidence then
    local said = '- Confidence: %.2f, the joint probability of its tokens; the option confidence says how much is asked for.'
    lines[#lines + 1] = said:format(confidence)
  end
  if evaluated then
    local made = generated and (', generated: %d'):format(generated) or ''
    lines[#lines + 1] = ('- The newest answer: tokens evaluated: %d (the rest was still in the cache)%s.'):format(evaluated, made)
  end
  if (given(context.budget) or 0) > 0 then
    local took = given(context.rank_ms) and (', chosen in %.1f ms'):format(context.rank_ms) or ''
    lines[#lines + 1] = ('- Other files: %d of at most %d tokens%s.'):format(given(context.tokens) or 0, context.budget, took)
  end
  if given(context.root) and given(context.index) then
    lines[#lines + 1] = ('- Looked at: %d files with %d symbols in `%s`.'):format(context.index.files, context.index.symbols, context.root)
  end
end

---@param lines string[]
---@param one starcoder.Snippet
local function add_snippet(lines, one)
  local fence = '```'
  while one.text:find(fence, 1, true) do
    fence = fence .. '`'
  end
  local place = one.start_line == one.end_line and 'line ' .. one.start_line or ('lines %d-%d'):format(one.start_line, one.end_line)
  vim.list_extend(lines, {
    '',
    ('### `%s`, %s'):format(one.path, place),
    '',
    ('%s (%d tokens, score %.2f)'):format(one.why, one.tokens, one.score),
    '',
    fence .. (vim.filetype.match({ filename = one.path }) or ''),
  })
  vim.list_extend(lines, vim.split(one.text:gsub('\n$', ''), '\n', { plain = true }))
  lines[#lines + 1] = fence
end

---@param context starcoder.Context
---@return string[] lines Markdown
function M.page(context)
  local lines = { '# Why this suggestion?', '' }
  if given(context.message) then
    vim.list_extend(lines, { context.message, '' })
  end
  add_facts(lines, context)
  local snippets, left_out = given(context.snippets) or {}, given(context.left_out) or {}
  if #snippets > 0 then
    vim.list_extend(lines, { '', '## From other files, in the order of the prompt: the best last, next to your code' })
    if context.in_prompt == false then
      vim.list_extend(lines, { '', 'The newest answer was made without these: they are being read, and stand in front of the next ones.' })
    end
    for _, one in ipairs(snippets) do
      add_snippet(lines, one)
    end
  end
  if #left_out > 0 then
    vim.list_extend(lines, { '', '## Looked at and left out', '' })
    for _, one in ipairs(left_out) do
      lines[#lines + 1] = ('- `%s`: %s'):format(one.path, one.why)
    end
  end
  if lines[#lines] == '' then
    lines[#lines] = nil
  end
  return lines
end

--- Opens the page in a scratch window; `q` closes it.
---@param context starcoder.Context
function M.show(context)
  vim.cmd('botright new')
  local buf = vim.api.nvim_get_current_buf()
  vim.bo[buf].buftype, vim.bo[buf].bufhidden, vim.bo[buf].swapfile = 'nofile', 'wipe', false
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, M.page(context))
  vim.bo[buf].filetype = 'markdown'
  vim.bo[buf].modifiable, vim.bo[buf].readonly = false, true
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buf, desc = 'Close' })
end

return M
