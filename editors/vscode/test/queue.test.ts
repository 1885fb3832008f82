import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Queue } from '../src/queue';

test('runs never overlap, and requests during a run share the next one', async () => {
  let running = 0;
  let runs = 0;
  const queue = new Queue(async () => {
    running += 1;
    assert.equal(running, 1);
    await new Promise(resolve => setTimeout(resolve, 1));
    running -= 1;
    runs += 1;
  });
  const first = queue.run();
  await Promise.resolve();
  await Promise.all([first, queue.run(), queue.run(), queue.run()]);
  await queue.idle();
  assert.equal(runs, 2);
});
