"""Evaluated prompts kept on disk, so that what was read once need not be read again: docs/states.md.

`sealed` is one file, `folder` all of them, `identity` what they belong to, `index` which of them helps a prompt, and
`shelf` what an engine does with them.
"""
