--- Starts the server again after a crash: three times in three minutes, then it says so and leaves it to the user.
local LIMIT, WINDOW = 3, 3 * 60 * 1000

---@type integer[] Times of the latest crashes, in ms
local crashes = {}

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
