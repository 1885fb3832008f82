#!/usr/bin/env bash
# Helix 25.07 in .cache/editors/helix/bin/hx
. "$(dirname "$0")/suite.sh"
begin helix
unpack "$ROOT" hx
link "$ROOT" hx
wrapper "$ROOT" hx "exec $ROOT/usr/bin/hx \"\$@\""
"$ROOT/bin/hx" --version
end
