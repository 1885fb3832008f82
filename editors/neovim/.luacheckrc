-- luacheck editors/neovim: Neovim's Lua is LuaJIT with one global of its own
std = 'luajit'
read_globals = { 'vim' }
globals = { 'vim.g', 'vim.b', 'vim.o', 'vim.bo', 'vim.fn' }
max_line_length = 140
