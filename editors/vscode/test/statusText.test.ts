import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerStatus } from '../src/protocol';
import { statusView, type Situation } from '../src/statusText';

const ready: ServerStatus = { state: 'ready', model: 'nano', engine: 'llama.cpp', message: null, progress: null, latencyMs: 83.6, pausedUris: [] };
const executable = { command: 'starcoder-lsp', origin: 'the PATH' };

function view(status: Partial<ServerStatus> = {}, situation: Partial<Situation> = {}): string {
  const phase = { kind: 'running', status: { ...ready, ...status }, executable } as const;
  return statusView({ phase, obstacle: undefined, inlineSuggestionsAreOn: true, ...situation }).text;
}

test('state, model and latency', () => {
  assert.equal(view(), '$(sparkle) nano 84 ms');
  assert.equal(view({ latencyMs: null }), '$(sparkle) nano');
  assert.equal(view({ state: 'busy' }), '$(sync~spin) nano 84 ms');
});

test('loading, with and without a percentage', () => {
  assert.equal(view({ state: 'loading', progress: 40 }), '$(loading~spin) nano: loading 40 %');
  assert.equal(view({ state: 'loading' }), '$(loading~spin) nano: loading');
});

test('what keeps suggestions away is seen', () => {
  assert.equal(view({}, { obstacle: 'paused' }), '$(debug-pause) nano');
  assert.equal(view({}, { obstacle: 'off for this language' }), '$(circle-slash) nano');
  assert.equal(view({}, { inlineSuggestionsAreOn: false }), '$(circle-slash) nano');
});

test('trouble is never silent', () => {
  assert.equal(view({ state: 'error', model: null, message: 'No such file.' }), '$(error) StarCoder');
  const stopped = statusView({ phase: { kind: 'failed', message: 'It stopped.' }, obstacle: undefined, inlineSuggestionsAreOn: true });
  assert.deepEqual(stopped, { text: '$(error) StarCoder', tooltip: ['It stopped.'], severity: 'error' });
  assert.equal(statusView({ phase: { kind: 'missing' }, obstacle: undefined, inlineSuggestionsAreOn: true }).severity, 'warning');
});

function tooltip(status: Partial<ServerStatus>): string {
  const phase = { kind: 'running', status: { ...ready, ...status }, executable } as const;
  return statusView({ phase, obstacle: undefined, inlineSuggestionsAreOn: true }).tooltip.join('\n');
}

test('hidden is told from off, from nothing to say, and from broken', () => {
  assert.equal(view({ reason: 'unsure' }), '$(eye-closed) nano 84 ms');
  assert.match(tooltip({ reason: 'unsure' }), /not sure enough/);
  assert.equal(view({ reason: 'off' }), '$(circle-slash) nano 84 ms');
  assert.match(tooltip({ reason: 'off' }), /off here/);
  assert.equal(view({ reason: 'empty' }), '$(sparkle) nano 84 ms');
  assert.match(tooltip({ reason: 'empty' }), /nothing to suggest/);
  assert.equal(view({ reason: 'secret' }), '$(lock) nano 84 ms');
  assert.match(tooltip({ reason: 'secret' }), /looks like a secret/);
  assert.equal(view({ state: 'busy', reason: 'unsure' }), '$(sync~spin) nano 84 ms');
});

test('the session is counted, where the server counts', () => {
  assert.match(tooltip({ shown: 41, hidden: 12, reason: null }), /41 shown, 12 hidden/);
  assert.doesNotMatch(tooltip({}), /session/);
});

test('an installation is seen until it ends', () => {
  const missing = { phase: { kind: 'missing' }, obstacle: undefined, inlineSuggestionsAreOn: true } as const;
  assert.match(statusView({ ...missing, isInstalling: true }).text, /installing/);
  assert.match(statusView({ ...missing, isInstalling: false }).text, /no server/);
});
