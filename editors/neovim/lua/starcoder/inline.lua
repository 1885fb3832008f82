--- Ghost text (Neovim 0.12) wherever starcoder-lsp is attached.
local M = {}

function M.enable()
  vim.api.nvim_create_autocmd('LspAttach', {
    group = vim.api.nvim_create_augroup('starcoder.suggest', {}),
    desc = 'Ghost text from starcoder-lsp',
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == 'starcoder' then
        vim.lsp.inline_completion.enable(true, { bufnr = event.buf })
      end
    end,
  })
end

return M
