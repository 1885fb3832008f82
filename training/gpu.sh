#!/usr/bin/env bash
# nano on a GPU that is lent for minutes, on a machine that reaches nothing and to which little may travel.
#
#   training/gpu.sh pack              here: the corpus in parts and the wheels that are missing there, into training/.gpu
#   training/gpu.sh dry [SECONDS]     there, or here: do the rows keep up with the card? a reader that eats at its rate, without a model
#   training/gpu.sh train MINUTES [OF]  there: trains for so long of OF minutes in all (default 11.5), goes on where the last piece stopped
#   training/gpu.sh join [FILE]       here: what came back ($BACK, default .) -> training/.gpu/nano.gguf, or FILE
#
# A piece ends well inside the limit of one command. While it runs, the weights so far are written to $OUT as Q8_0, in parts of
# 15 MB, every two minutes: whatever ends the piece, they come back. The optimiser's state stays in training/.gpu/nano, on that
# machine; on another one, `train` begins with training/.gpu/nano.gguf where that was carried (join writes it).
set -euo pipefail
cd "$(dirname "$0")/.."
GPU=training/.gpu
PYTHON=${PYTHON:-$([ -x training/.venv/bin/python ] && echo training/.venv/bin/python || echo python3)}
DEVICE=${DEVICE:-cuda}
RATE=${RATE:-1000000} # tokens a second that the card takes: 37 M parameters at a third of an H100's 800 TFLOP/s in bf16
export PYTHONUNBUFFERED=1

unpack() { # the wheels that travelled, where the machine lacks what they hold
  "$PYTHON" -c 'import gguf, tree_sitter, tree_sitter_python' 2>/dev/null && return
  [ -d "$GPU/on" ] || for one in "$GPU"/wheels/*.whl; do "$PYTHON" -m zipfile -e "$one" "$GPU/on"; done
  export PYTHONPATH="$PWD/$GPU/on${PYTHONPATH:+:$PYTHONPATH}"
}

wheels() { # what the machine lacks; they are unpacked there without pip
  rm -rf "$GPU/wheels"
  local languages="bash c c-sharp cpp go java javascript kotlin php python ruby rust typescript"
  "$PYTHON" -m pip download -q --no-deps --only-binary=:all: --python-version "${THERE:-3.12}" --implementation cp \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform manylinux_2_5_x86_64 \
    -d "$GPU/wheels" gguf tree-sitter $(printf ' tree-sitter-%s' $languages)
}

export_parts() { # the running average so far
  "$PYTHON" training/export.py --checkpoint "$GPU/nano/checkpoint.pt" --tokenizer "$GPU/data/tokenizer.json" \
    --out "$GPU/nano.gguf" --name "${NAME:-nano v3}" --layout spm
  split -b 15000000 "$GPU/nano.gguf" "$OUT/nano.gguf."
  cp "$GPU/nano/log.jsonl" "$OUT/log.jsonl"
}

case "${1:-}" in
pack)
  "$PYTHON" training/pack.py --data "${DATA:-training/.data}" --out "$GPU/data" --mib "${MIB:-22}" --parts "${PARTS:-4}"
  wheels
  du -sh "$GPU"/data/* "$GPU/wheels"
  ;;
dry)
  unpack
  "$PYTHON" training/feed.py --data "$GPU/data" --rate "$RATE" --seconds "${2:-60}" --tokens "${TOKENS:-262144}" --length 2048 --reuse 4 --warm
  ;;
train)
  unpack
  minutes=$2 all=${3:-11.5} begin=
  : "${OUT:?the folder whose files come back}"
  mkdir -p "$GPU/nano"
  if [ ! -e "$GPU/nano/checkpoint.pt" ] && [ -e "$GPU/nano.gguf" ]; then begin="--from $GPU/nano.gguf --peak 0.6"; fi
  # shellcheck disable=SC2086
  "$PYTHON" training/train.py --device "$DEVICE" --data "$GPU/data" --out "$GPU/nano" --minutes "$all" --piece "$minutes" \
    --decay-from 0.4 $begin ${ARGS:-} &
  trainer=$!
  trap 'kill -TERM $trainer 2>/dev/null || true' TERM INT
  written=$(date +%s)
  while kill -0 $trainer 2>/dev/null; do
    sleep 1
    if [ -e "$GPU/nano/checkpoint.pt" ] && [ "$(stat -c %Y "$GPU/nano/checkpoint.pt")" -gt "$written" ]; then
      written=$(stat -c %Y "$GPU/nano/checkpoint.pt")
      export_parts
    fi
  done
  wait $trainer
  export_parts
  ;;
join)
  cat "${BACK:-.}"/nano.gguf.?? > "${2:-$GPU/nano.gguf}"
  ls -l "${2:-$GPU/nano.gguf}"
  ;;
*)
  sed -n '2,12p' "$0" | cut -c3-
  exit 2
  ;;
esac
