import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain, progressOf } from '../src/pip';

test('progress names the package and its size', () => {
  assert.equal(progressOf('Collecting pygls<3,>=2.1 (from starcoder-lsp)'), 'collecting pygls');
  assert.equal(progressOf('  Downloading xllamacpp-0.2-cp310-abi3-linux_x86_64.whl (34.1 MB)'), 'downloading xllamacpp-0.2-cp310-abi3-linux_x86_64.whl (34.1 MB)');
  assert.equal(progressOf('Processing /somewhere/starcoder_lsp-0.1.0-py3-none-any.whl'), 'processing starcoder_lsp-0.1.0-py3-none-any.whl');
  assert.equal(progressOf('Installing collected packages: attrs, pygls'), 'unpacking');
  assert.equal(progressOf('Requirement already satisfied: pip'), undefined);
});

test('each known failure says what to do', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['The virtual environment was not created successfully because ensurepip is not available.', /python3-venv/],
    ["WARNING: Retrying ... NewConnectionError('...: Failed to establish a new connection')\nERROR: No matching distribution found for x", /network/],
    ['ERROR: No matching distribution found for starcoder-lsp', /installSpec/],
    ['ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device', /disk is full/],
    ["ERROR: Package 'starcoder-lsp' requires a different Python: 3.9.2 not in '>=3.10'", /too old/],
    ['something nobody foresaw', /log/],
  ];
  for (const [output, expected] of cases) {
    assert.match(explain(output), expected);
  }
});
