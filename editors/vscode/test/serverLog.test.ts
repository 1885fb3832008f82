import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { LogOutputChannel } from 'vscode';
import { ServerLog } from '../src/serverLog';

test('a line keeps its level and loses its time: the channel writes its own', async () => {
  const written: string[] = [];
  const write = (level: string) => (line: string): void => {
    written.push(`${level} ${line}`);
  };
  const channel = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const log = new ServerLog(channel as unknown as LogOutputChannel);
  const stream = new PassThrough();
  log.read(stream);
  stream.end([
    '2026-11-21 10:14:30,758 INFO starcoder_lsp.loading: nano is loaded: 24 layers',
    '2026-11-21 10:14:31,000 WARNING starcoder_lsp.session: slow',
    'Traceback (most recent call last):',
    'ValueError: an INFO that is none',
    '',
  ].join('\n'));
  await once(stream, 'close');
  await new Promise(setImmediate);
  assert.deepEqual(written, [
    'info starcoder_lsp.loading: nano is loaded: 24 layers',
    'warn starcoder_lsp.session: slow',
    'info Traceback (most recent call last):',
    'info ValueError: an INFO that is none',
  ]);
  assert.equal(log.lastWords, 'ValueError: an INFO that is none');
});
