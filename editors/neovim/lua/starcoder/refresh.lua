--- `starcoder/refresh`: a longer suggestion than the one on screen is ready, so Neovim asks again, as after a keystroke.
---@param params { uri: string }
return function(_, params)
  local buf = vim.uri_to_bufnr(params.uri)
  if buf == vim.api.nvim_get_current_buf() and vim.startswith(vim.api.nvim_get_mode().mode, 'i') then
    require('starcoder.suggestion').ask_again(buf)
  end
  return vim.NIL
end
