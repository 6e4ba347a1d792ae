// Applications' tests fake timers: a check neither hangs then, nor leaves the client holding back.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import FakeTimers from '@sinonjs/fake-timers';
import express from 'express';
import { createLimiter, StoreUnavailable, Subject } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { LIBRARIES } from '../support/clients.mjs';
import { ask, listen } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { FaultProxy } from '../support/proxy.mjs';
import { memory } from '../support/quiet.mjs';
import { Server } from '../support/servers.mjs';

const real = { setTimeout, clearTimeout };

let server;
before(async () => {
  server = await Server.start();
});

/** Fails if `work` has not ended after half a minute of real time. */
function ends(work, what) {
  let timer;
  const hung = new Promise((_, reject) => {
    timer = real.setTimeout(() => reject(new Error(`${what} hangs`)), 30_000);
  });
  return Promise.race([work, hung]).finally(() => real.clearTimeout(timer));
}

const FAKES = {
  'node:test': (t) => t.mock.timers.enable({ apis: ['setImmediate', 'setTimeout', 'setInterval'] }),
  'fake-timers': (t) => {
    const toFake = ['setImmediate', 'setTimeout', 'setInterval', 'Date', 'performance', 'hrtime'];
    const clock = FakeTimers.install({ toFake });
    t.after(() => clock.uninstall());
  },
};

for (const [name, fake] of Object.entries(FAKES)) {
  for (const library of ['ioredis 6', 'ioredis 5']) {
    test(`${library}, timers of ${name}: checks at once are answered, and so is the application`, async (t) => {
      const client = await LIBRARIES[library](server.port);
      const limiter = patient({ client, prefix: `${name} ${library}` });
      fake(t);
      const checks = [1, 2, 3].map((id) => ({ who: Subject.user(id), limits: '5/minute' }));
      for (let times = 1; times <= 3; times++) {
        const outcomes = await ends(limiter.checkMany(checks), 'checkMany');
        assert.ok(outcomes.every(({ remaining }) => remaining === 5 - times));
        assert.equal(await ends(client.ping(), 'ping'), 'PONG');
      }
    });

    test(`${library}, timers of ${name}: a store that does not answer is given up in time`, async (t) => {
      const proxy = await FaultProxy.before(server.port);
      const client = await LIBRARIES[library](proxy.port);
      const limiter = createLimiter({ client, timeoutMs: 60, logger: memory() });
      fake(t);
      proxy.fault = 'hang';
      const two = [limiter.check('a', '5/minute'), limiter.check('b', '5/minute')];
      for (const check of two) await ends(assert.rejects(check, StoreUnavailable), 'the deadline');
    });
  }

  test(`node-redis, timers of ${name}: where the client itself waits for ever, the check does not`, async (t) => {
    const client = await LIBRARIES['node-redis 6'](server.port);
    const limiter = createLimiter({ client, timeoutMs: 60, logger: memory() });
    fake(t);
    await ends(
      limiter.check('a', '5/minute').catch(() => {}),
      'the check',
    );
  });

  test(`timers of ${name}: requests that LEAKY holds are served`, async (t) => {
    const client = await LIBRARIES['ioredis 6'](server.port);
    const app = express();
    const limits = 'leaky 20/second burst 10';
    const limiter = patient({ client, prefix: name });
    app.use(rateLimit(limiter, { limits, wait: true }), (_req, res) => res.end('ok'));
    const url = await listen(app);
    fake(t);
    const answers = await ends(Promise.all([1, 2, 3].map(() => ask(url, '/'))), 'the app');
    assert.ok(answers.every(({ status }) => status === 200));
  });
}

test('where nothing can be read or written, as without nextTick, the check ends all the same', async () => {
  const client = await LIBRARIES['ioredis 6'](server.port);
  const limiter = createLimiter({ client, timeoutMs: 60, logger: memory() });
  const checks = [1, 2, 3].map((id) => ({ who: Subject.user(id), limits: '5/minute' }));
  // It is enough that several were asked at once.
  await limiter.checkMany(checks).catch(() => {});
  const clock = FakeTimers.install();
  const asked = ends(
    limiter.checkMany(checks).catch(() => {}),
    'checkMany',
  );
  await asked.finally(() => clock.uninstall());
  assert.equal(client.stream.writableCorked, 0);
});
