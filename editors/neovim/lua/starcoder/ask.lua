--- Asking by hand: shows what the model is not sure of too, and says why there is nothing.
local status = require('starcoder.status')
local suggestion = require('starcoder.suggestion')

---@param text string
local function say(text)
  vim.api.nvim_echo({ { 'starcoder: ' .. text } }, false, {})
end

---@param buf integer
---@return string? problem
local function obstacle(buf)
  local now = status.get(buf)
  if not now then
    return 'not attached to this buffer: see :checkhealth starcoder'
  elseif now.state == 'error' then
    return 'no model is loaded: see :StarcoderStatus'
  elseif now.state == 'loading' then
    return 'the model is loading'
  elseif now.state == 'paused' then
    return 'suggestions are paused: :StarcoderResume'
  elseif status.paused(now, buf) then
    return 'suggestions are paused in this buffer: :StarcoderResume!'
  end
end

---@param buf integer In Insert mode
return function(buf)
  local problem = obstacle(buf)
  if problem then
    say(problem)
    return
  end
  suggestion.ask_again(buf, function(found)
    if not found then
      say('nothing to suggest here')
    end
  end)
end
