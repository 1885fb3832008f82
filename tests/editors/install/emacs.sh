#!/usr/bin/env bash
# Emacs 30 (terminal only) with lsp-mode 10 in .cache/editors/emacs/bin/emacs
. "$(dirname "$0")/suite.sh"
begin emacs
unpack "$ROOT" emacs-nox elpa-lsp-mode
link "$ROOT" emacs-nox
share=$(echo "$ROOT"/usr/share/emacs/[0-9]*)
dump=$(find "$ROOT/usr" -name '*.pdmp' | head -1)
# site-start.el does what the packages' own start-up files do, and keeps Emacs from compiling to machine code: it would look for itself in /usr
mkdir -p "$ROOT/site"
cat > "$ROOT/site/site-start.el" <<SITE
(setq native-comp-jit-compilation nil native-comp-enable-subr-trampolines nil)
(dolist (folder (directory-files "$ROOT/usr/share/emacs/site-lisp/elpa-src" t "[a-z]"))
  (add-to-list 'load-path folder)
  (dolist (autoloads (directory-files folder t "-autoloads[.]el$"))
    (load autoloads nil t)))
SITE
wrapper "$ROOT" emacs \
    "export EMACSLOADPATH=$ROOT/site:$(find "$share/lisp" -type d | sort | tr '\n' ':' | sed 's/:$//')" \
    "export EMACSPATH=$(echo "$ROOT"/usr/libexec/emacs/*/*) EMACSDATA=$share/etc EMACSDOC=$share/etc" \
    "export TERMINFO_DIRS=/etc/terminfo:/lib/terminfo:/usr/share/terminfo" \
    "exec $ROOT/usr/bin/emacs-nox --dump-file=$dump \"\$@\""
"$ROOT/bin/emacs" --version | head -1
end
