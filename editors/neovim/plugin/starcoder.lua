-- What the plugin defines by itself: commands, <Plug> mappings, and its eyes on a client named "starcoder". Nothing is started and
-- no key is taken; require('starcoder').setup() or vim.lsp.enable('starcoder') does the rest.
if vim.g.loaded_starcoder then
  return
end
vim.g.loaded_starcoder = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.api.nvim_create_user_command('StarcoderStatus', function()
    vim.notify('starcoder needs Neovim 0.11 or newer (0.12 for ghost text)', vim.log.levels.ERROR)
  end, {})
  return
end

local group = vim.api.nvim_create_augroup('starcoder', {})

vim.api.nvim_create_autocmd('LspAttach', {
  group = group,
  desc = 'Follow what starcoder-lsp suggests and says',
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'starcoder' then
      require('starcoder.attach')(client, event.buf)
    end
  end,
})

local function plug(name, what, desc)
  vim.keymap.set('i', '<Plug>(starcoder-' .. name .. ')', function()
    require('starcoder')[what]()
  end, { desc = desc })
end
plug('accept', 'accept', 'Accept the suggestion')
plug('accept-word', 'accept_word', 'Accept the next word of the suggestion')
plug('accept-line', 'accept_line', 'Accept the next line of the suggestion')
plug('suggest', 'suggest', 'Ask for a suggestion here')
plug('dismiss', 'dismiss', 'Hide the suggestion')

local command = vim.api.nvim_create_user_command
command('StarcoderPause', function(args)
  require('starcoder.commands').pause(args.bang)
end, { bang = true, desc = 'Pause suggestions everywhere (!: in this buffer)' })
command('StarcoderResume', function(args)
  require('starcoder.commands').resume(args.bang)
end, { bang = true, desc = 'Resume suggestions everywhere (!: in this buffer)' })
command('StarcoderModel', function(args)
  require('starcoder.commands').model(args.args)
end, {
  nargs = '?',
  desc = 'Switch to a model, or pick one',
  complete = function(lead)
    return require('starcoder.commands').complete_model(lead)
  end,
})
command('StarcoderGetModel', function(args)
  local fetch = require('starcoder.fetch')
  if args.bang then
    fetch.cancel()
  else
    fetch.get(args.args)
  end
end, { nargs = '?', bang = true, desc = 'Fetch a model, or pick one (!: end the fetch under way)' })
command('StarcoderStatus', function()
  require('starcoder.commands').status()
end, { desc = 'Say what starcoder-lsp is doing' })
command('StarcoderWhy', function()
  require('starcoder.commands').why()
end, { desc = 'Show what was read for the suggestion at hand' })

-- The same by one name: `:Starcoder usage`, `:Starcoder status` …
local words = { 'model', 'pause', 'resume', 'status', 'usage', 'why' }
command('Starcoder', function(args)
  local word, rest = args.fargs[1], args.fargs[2] or ''
  if word == 'usage' then
    require('starcoder.usage')()
  elseif vim.list_contains(words, word) then
    vim.cmd({ cmd = 'Starcoder' .. word:sub(1, 1):upper() .. word:sub(2), bang = args.bang, args = rest ~= '' and { rest } or {} })
  else
    vim.notify('starcoder: there is no ' .. word .. '; there are ' .. table.concat(words, ', '), vim.log.levels.ERROR)
  end
end, {
  nargs = '+',
  bang = true,
  desc = 'Usage, why, status, model, pause or resume',
  complete = function(lead, line)
    if line:match('^%s*Starcoder!?%s+model%s') then
      return require('starcoder.commands').complete_model(lead)
    end
    return vim.tbl_filter(function(word)
      return vim.startswith(word, lead)
    end, words)
  end,
})
