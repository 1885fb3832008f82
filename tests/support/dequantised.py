"""A GGUF file with the same numbers in float32: what engines compute from it differs by rounding alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gguf import GGUFReader, GGUFWriter, quants
from gguf.constants import GGUFValueType

if TYPE_CHECKING:
    from pathlib import Path


def write_dequantised(gguf: Path, path: Path) -> Path:
    """Write `gguf` to `path` with all its tensors in float32."""
    reader = GGUFReader(gguf)
    writer = GGUFWriter(path, reader.fields["general.architecture"].contents())
    for one in reader.fields.values():
        if one.name.startswith("GGUF.") or one.name in ("general.architecture", "general.file_type"):
            continue
        inner = one.types[-1] if one.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(one.name, one.contents(), one.types[0], inner)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
