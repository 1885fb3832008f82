--- Starts the server again after a crash: three times in three minutes, then it says so and leaves it to the user.
local LIMIT, WINDOW = 3, 3 * 60 * 1000

---@type integer[] Times of the latest crashes, in ms
local crashes = {}

local expected = 0

--- Neovim tells of a client's end in one line too long for most screens, which then waits for ENTER: ours says the same in fewer
--- words. The message comes two turns of the event loop later.
local function quieten_neovim()
  expected = expected + 1
  if expected > 1 then
    return
  end
  local notify = vim.notify
  local function quiet(message, ...)
    if expected == 0 or not tostring(message):find('^Client starcoder quit with exit code') then
      return notify(message, ...)
    end
    expected = expected - 1
    if expected == 0 and vim.notify == quiet then
      vim.notify = notify
    end
  end
  vim.notify = quiet
end

---@param code integer
---@param signal integer
return function(code, signal)
  -- 143 and SIGTERM are Neovim's own way to stop a server.
  if vim.v.exiting ~= vim.NIL or code == 143 or signal == 15 or (code == 0 and signal == 0) then
    return
  end
  local now = vim.uv.now()
  crashes = vim.tbl_filter(function(time)
    return now - time < WINDOW
  end, crashes)
  crashes[#crashes + 1] = now
  quieten_neovim()
  local why = signal ~= 0 and ('signal ' .. signal) or ('exit code ' .. code)
  vim.schedule(function()
    if vim.lsp.is_enabled and not vim.lsp.is_enabled('starcoder') then
      return
    end
    if #crashes > LIMIT then
      vim.notify(
        ('starcoder-lsp ended %d times in three minutes (last: %s) and is left alone now. '):format(#crashes, why)
          .. ':checkhealth starcoder and :lua vim.cmd.edit(vim.lsp.log.get_filename()) may say why; '
          .. ":lua vim.lsp.enable('starcoder') starts it again.",
        vim.log.levels.ERROR
      )
      return
    end
    vim.notify(('starcoder-lsp ended (%s); starting it again'):format(why), vim.log.levels.WARN)
    vim.lsp.enable('starcoder')
  end)
end
