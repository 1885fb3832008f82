#!/usr/bin/env bash
# luacheck in .cache/editors/luacheck/bin/luacheck
. "$(dirname "$0")/suite.sh"
begin luacheck
unpack "$ROOT" lua-check
lua=$(basename "$(find "$ROOT/usr/bin" -name 'lua5.[0-9]' -o -name 'lua5.[0-9].*' | sort | tail -1)")
link "$ROOT" "$lua"
share=$ROOT/usr/share/lua/${lua#lua}
library=$(echo "$ROOT"/usr/lib/*-linux-gnu*)/lua/${lua#lua}
wrapper "$ROOT" luacheck \
    "export LUA_PATH='$share/?.lua;$share/?/init.lua;;' LUA_CPATH='$library/?.so;;'" \
    "exec $ROOT/usr/bin/$lua $ROOT/usr/bin/luacheck \"\$@\""
"$ROOT/bin/luacheck" --version | head -1
end
