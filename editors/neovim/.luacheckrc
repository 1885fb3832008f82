-- luacheck editors/neovim: Neovim's Lua is LuaJIT with one global of its own
std = 'luajit'
read_globals = { 'vim' }
globals = { 'vim.g', 'vim.b', 'vim.o', 'vim.go', 'vim.bo', 'vim.fn', 'vim.notify' }
max_line_length = 140
