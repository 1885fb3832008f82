-- Lets a test ask a running Neovim: a line of Lua comes in on a socket, its value goes out as JSON.
local uv = vim.uv
local server = assert(uv.new_pipe(false))
assert(server:bind(vim.env.STARCODER_BRIDGE))
server:listen(8, function()
  local peer = assert(uv.new_pipe(false))
  server:accept(peer)
  local pending = ''
  peer:read_start(function(_, chunk)
    if not chunk then
      peer:close()
      return
    end
    pending = pending .. chunk
    for line in pending:gmatch('([^\n]*)\n') do
      vim.schedule(function()
        local code, problem = loadstring(line)
        local ok, value
        if code then
          ok, value = pcall(code)
        else
          ok, value = false, problem
        end
        local fine, text = pcall(vim.json.encode, { ok = ok, value = value })
        peer:write((fine and text or vim.json.encode({ ok = false, value = text })) .. '\n')
      end)
    end
    pending = pending:match('[^\n]*$')
  end)
end)
