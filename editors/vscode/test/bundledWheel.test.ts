import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { test } from 'node:test';
import { bundledWheel } from '../src/bundledWheel';

test("the wheel beside the extension is installed; without one, the index's package", async () => {
  const extension = await mkdtemp(path.join(tmpdir(), 'bundled-'));
  try {
    assert.equal(await bundledWheel(extension), 'starcoder-lsp');
    const wheel = path.join(extension, 'server', 'starcoder_lsp-0.1.0-py3-none-any.whl');
    await mkdir(path.dirname(wheel));
    assert.equal(await bundledWheel(extension), 'starcoder-lsp');
    await writeFile(wheel, '');
    assert.equal(await bundledWheel(extension), wheel);
  } finally {
    await rm(extension, { recursive: true });
  }
});
