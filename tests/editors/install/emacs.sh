#!/usr/bin/env bash
# Emacs 30 (terminal only) in .cache/editors/emacs/bin/emacs, lsp-mode 10 and what it needs in .cache/editors/emacs/elpa/*
. "$(dirname "$0")/suite.sh"
begin emacs
unpack "$ROOT" emacs-nox elpa-lsp-mode
link "$ROOT" emacs-nox
share=$(echo "$ROOT"/usr/share/emacs/[0-9]*)
ln -s "$ROOT/usr/share/emacs/site-lisp/elpa-src" "$ROOT/elpa"
dump=$(find "$ROOT/usr" -name '*.pdmp' | head -1)
wrapper "$ROOT" emacs \
    "export EMACSLOADPATH=$(find "$share/lisp" -type d | sort | tr '\n' ':')" \
    "export EMACSDATA=$share/etc EMACSDOC=$share/etc TERMINFO_DIRS=/etc/terminfo:/lib/terminfo:/usr/share/terminfo:$ROOT/usr/share/terminfo" \
    "exec $ROOT/usr/bin/emacs-nox --dump-file=$dump \"\$@\""
"$ROOT/bin/emacs" --version | head -1
end
