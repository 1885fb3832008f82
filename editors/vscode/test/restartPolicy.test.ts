import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestartPolicy } from '../src/restartPolicy';

test('five crashes within three minutes are forgiven, the sixth is not', () => {
  const policy = new RestartPolicy(5, 3, () => 0);
  assert.deepEqual(Array.from({ length: 6 }, () => policy.crashed()), [true, true, true, true, true, false]);
});

test('a crash now and then never adds up', () => {
  let minute = 0;
  const policy = new RestartPolicy(5, 3, () => minute * 60_000);
  for (; minute < 100; minute += 1) {
    assert.equal(policy.crashed(), true);
  }
});

test('a restart by hand begins the count again', () => {
  const policy = new RestartPolicy(1, 3, () => 0);
  policy.crashed();
  assert.equal(policy.crashed(), false);
  policy.forgive();
  assert.equal(policy.crashed(), true);
});
