"""Writes a text into a GGUF file's metadata. Weights and all other metadata stay what they are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import gguf


def stamp(path: Path, key: str, text: str, *, without: frozenset[str] = frozenset()) -> None:
    """Set a key of a GGUF file to a text, and remove others. The file is replaced in one step.

    Raises:
        OSError: it cannot be read, or its folder cannot be written.
    """
    reader = gguf.GGUFReader(path)
    architecture = reader.fields[gguf.Keys.General.ARCHITECTURE].contents()
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as made:
        new = Path(made.name)
    try:
        writer = gguf.GGUFWriter(new, architecture, endianess=reader.endianess)
        written_by_writer = {gguf.Keys.General.ARCHITECTURE, key, *without}
        for name, one in reader.fields.items():
            if name not in written_by_writer and not name.startswith("GGUF."):
                inner = one.types[-1] if one.types[0] == gguf.GGUFValueType.ARRAY else None
                writer.add_key_value(name, one.contents(), one.types[0], sub_type=inner)
        writer.add_string(key, text)
        for tensor in reader.tensors:
            writer.add_tensor_info(
                tensor.name, tensor.data.shape, tensor.data.dtype, tensor.data.nbytes, tensor.tensor_type
            )
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in reader.tensors:
            writer.write_tensor_data(tensor.data, tensor_endianess=reader.endianess)
        writer.close()
        new.chmod(path.stat().st_mode & 0o777)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
