--- Plain completion: the way of Neovim 0.11, and of those who like menus better than ghost text.
local M = {}

function M.enable()
  vim.api.nvim_create_autocmd('LspAttach', {
    group = vim.api.nvim_create_augroup('starcoder.suggest', {}),
    desc = 'Completion items from starcoder-lsp',
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == 'starcoder' then
        vim.lsp.completion.enable(true, client.id, event.buf)
      end
    end,
  })
end

return M
