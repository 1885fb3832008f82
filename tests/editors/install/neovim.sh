#!/usr/bin/env bash
# Neovim 0.12 in .cache/editors/neovim/bin/nvim
. "$(dirname "$0")/suite.sh"
begin neovim
unpack "$ROOT" neovim
link "$ROOT" nvim
wrapper "$ROOT" nvim "export VIMRUNTIME=$ROOT/usr/share/nvim/runtime" "exec $ROOT/usr/bin/nvim \"\$@\""
"$ROOT/bin/nvim" --version | head -1
end
