// The deadline looks at the clock only after it has read what lies in the socket.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { Deadline } from '../../dist/esm/stores/deadline.js';

test('an answer that has arrived when the time is up counts', async (t) => {
  const listening = createServer().listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const socket = connect(listening.address().port, '127.0.0.1');
  const [store] = await once(listening, 'connection');
  t.after(() => {
    socket.destroy();
    store.destroy();
    listening.close();
  });
  const ended = { answered: 0, late: 0 };
  for (let times = 0; times < 10; times++) {
    // Shortly before the deadline it is written, and the process is busy until shortly after, so
    // that timers come next, and only then sockets.
    const writes = () => {
      const until = performance.now() + 60;
      store.write('answer');
      while (performance.now() < until);
    };
    setTimeout(() => setImmediate(writes), 150);
    const ask = () => once(socket, 'data');
    await new Deadline(200).within(
      ask,
      () => (ended.answered += 1),
      () => (ended.late += 1),
    );
  }
  assert.deepEqual(ended, { answered: 10, late: 0 });
});
