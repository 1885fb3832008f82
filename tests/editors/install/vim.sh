#!/usr/bin/env bash
# Vim 9 in .cache/editors/vim/bin/vim and ALE 4 in .cache/editors/vim/ale
. "$(dirname "$0")/suite.sh"
begin vim
unpack "$ROOT" vim vim-ale
link "$ROOT" vim.basic
wrapper "$ROOT" vim "export VIMRUNTIME=$(echo "$ROOT"/usr/share/vim/vim9*)" "exec $ROOT/usr/bin/vim.basic \"\$@\""
"$ROOT/bin/vim" --version | head -1
end
