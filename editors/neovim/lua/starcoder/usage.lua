--- :Starcoder usage: what the suggestions of the last days were worth, in the server's sentence.
return function()
  require('starcoder.commands').ask('starcoder.usage', {}, function(usage)
    vim.api.nvim_echo({ { 'starcoder: ' .. usage.summary } }, true, {})
  end)
end
