// Outages, each made for real: hung and killed servers, replies that are late or lost.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { before, test } from 'node:test';
import express from 'express';
import {
  createLimiter,
  ModuleNotLoaded,
  StoreMisconfigured,
  StoreUnavailable,
  WholeKey,
} from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { LIBRARIES } from '../support/clients.mjs';
import { eventually } from '../support/eventually.mjs';
import { ask, listen } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { FaultProxy } from '../support/proxy.mjs';
import { assertRare, memory } from '../support/quiet.mjs';
import { freePort, MODULE, NOBODYS_PORT, Server } from '../support/servers.mjs';

const RETRYING = {
  ioredis: {
    enableOfflineQueue: true,
    maxRetriesPerRequest: 20,
    autoResendUnfulfilledCommands: true,
    retryStrategy: () => 20,
  },
  'node-redis': { disableOfflineQueue: false, socket: { reconnectStrategy: 20 } },
};

const unhandled = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));
test.afterEach?.(() => assert.deepEqual(unhandled, []));

let server;
before(async () => {
  server = await Server.start();
});

async function through(library, options = {}, clientOptions = {}) {
  const proxy = await FaultProxy.before(server.port);
  const client = await LIBRARIES[library](proxy.port, clientOptions);
  const logger = memory();
  const limiter = createLimiter({ client, logger, timeoutMs: 60, prefix: library, ...options });
  return { proxy, client, limiter, logger };
}

/** Whether the outage is over for `limiter`. */
function serves(limiter) {
  return limiter.check('serves', '1000/second').then(
    ({ allowed }) => allowed,
    () => false,
  );
}

async function used(key) {
  const peeked = await server.command('RL.PEEK', key);
  return peeked.length === 0 ? 0 : 100 - peeked[0][4];
}

for (const library of Object.keys(LIBRARIES)) {
  const retrying = RETRYING[library.split(' ')[0]];

  test(`${library}: a reply that does not come is waited for no longer than the deadline`, async () => {
    const { proxy, limiter } = await through(library);
    proxy.fault = 'hang';
    const start = performance.now();
    await assert.rejects(limiter.check(`hang ${library}`, '100/hour'), StoreUnavailable);
    const took = performance.now() - start;
    assert.ok(took >= 55 && took < 10_000, `${took} ms`);
  });

  test(`${library}: late replies are nobody else's`, async () => {
    const { proxy, client, limiter } = await through(library);
    proxy.fault = 'hang';
    await assert.rejects(limiter.check(`late ${library}`, '100/hour'), StoreUnavailable);
    proxy.release();
    const other = await patient({ client }).check(`other ${library}`, '7/hour');
    assert.deepEqual([other.decisions[0].limit, other.remaining], [7, 6]);
  });

  test(`${library}: a charge is sent once, though the client would send it again`, async () => {
    const { proxy, limiter } = await through(library, { timeoutMs: 5_000 }, retrying);
    const key = `lost ${library}`;
    proxy.fault = 'drop';
    const failing = assert.rejects(limiter.check(new WholeKey(key), '100/hour'), StoreUnavailable);
    await eventually(() => proxy.dropped > 0);
    proxy.fault = 'pass';
    await failing;
    // The client is back, and what it had to send again is sent.
    await eventually(() => serves(limiter));
    assert.equal(await used(key), 1);
  });

  test(`${library}: what waited for a connection too long is not charged later`, async () => {
    const port = await freePort();
    const client = await LIBRARIES[library](port, { ...retrying, lazy: true });
    const limiter = createLimiter({ client, logger: memory(), timeoutMs: 60 });
    await assert.rejects(limiter.check(new WholeKey('queued'), '100/hour'), StoreUnavailable);
    const late = await Server.start({ port });
    await eventually(() => serves(limiter));
    assert.equal(await late.command('EXISTS', 'queued'), 0);
  });

  test(`${library}: open serves without a verdict, closed does not`, async () => {
    const client = await LIBRARIES[library](NOBODYS_PORT, { lazy: true });
    const logger = memory();
    const limiter = createLimiter({ client, logger, onError: 'open', timeoutMs: 50 });
    for (let times = 1; times <= 20; times++) {
      const outcome = await limiter.check('k', '5/minute', { cost: 2 });
      assert.equal(outcome.allowed, true);
      assert.equal(outcome.source, 'failed_open');
      assert.deepEqual([outcome.remaining, outcome.tightest, outcome.cost], [null, null, 2]);
      assert.equal(limiter.failedOpen, times);
    }
    assertRare(logger);
    assert.match(logger.lines[0], /served without a limit/);
    await assert.rejects(limiter.check('k', '5/minute', { onError: 'closed' }), StoreUnavailable);
    await assert.rejects(limiter.peek('k', '5/minute'), StoreUnavailable);
    await assert.rejects(limiter.probe(50), StoreUnavailable);
  });
}

test('a server that is stopped costs five deadlines, then none', async (t) => {
  const frozen = await Server.start();
  const client = await LIBRARIES['node-redis 6'](frozen.port);
  const limiter = createLimiter({ client, logger: memory(), timeoutMs: 60, onError: 'open' });
  await eventually(async () => (await limiter.check('k', '5/minute')).source === 'server');
  const { mock } = t.mock.method(client, 'sendCommand');
  const isAsked = async () => {
    const before = mock.callCount();
    await limiter.check('k', '5/minute');
    return mock.callCount() > before;
  };
  frozen.signal('SIGSTOP');
  // More often only if this process itself is late: that is not held against the store.
  let times = 0;
  while (times < 100 && (await isAsked())) times += 1;
  assert.ok(times >= 5 && times < 100, `it was asked ${times} times`);
  frozen.signal('SIGCONT');
  await eventually(async () => (await limiter.check('k', '5/minute')).source === 'server');
});

test('whoever is served after a deadline is so in the context that he asked in', async () => {
  const { proxy, limiter } = await through('ioredis 6', { onError: 'open' });
  proxy.fault = 'hang';
  const context = new AsyncLocalStorage();
  const app = express();
  app.use((req, _res, next) => context.run(req.url, next));
  app.use(rateLimit(limiter, { limits: '5/minute' }));
  app.use((_req, res) => res.send(context.getStore()));
  const url = await listen(app);
  const paths = ['/1', '/2', '/3'];
  const answers = await Promise.all(paths.map((path) => ask(url, path)));
  assert.equal(limiter.failedOpen, 3);
  assert.deepEqual(
    answers.map(({ body }) => body),
    paths,
  );
});

function busy(ms) {
  for (const end = performance.now() + ms; performance.now() < end;);
}

for (const library of Object.keys(LIBRARIES)) {
  test(`${library}: a process that is busy before it asks does not take that for an outage`, async () => {
    const { proxy, limiter } = await through(library, { timeoutMs: 600 });
    proxy.delayMs = 10;
    const asked = limiter.check(`busy ${library}`, '5/minute');
    busy(700);
    assert.equal((await asked).allowed, true);
  });

  test(`${library}: a process that is busy before it reads does not take that for an outage`, async () => {
    const client = await LIBRARIES[library](server.port);
    const limiter = createLimiter({ client, timeoutMs: 600 });
    const asked = limiter.check(`busy ${library}`, '5/minute');
    await new Promise((resolve) => setImmediate(resolve));
    busy(700);
    assert.equal((await asked).allowed, true);
  });
}

test('without the module nobody is served, and once it is loaded everybody', async () => {
  const bare = await Server.start({ module: false });
  for (const library of Object.keys(LIBRARIES)) {
    const client = await LIBRARIES[library](bare.port);
    await assert.rejects(patient({ client }).probe(), ModuleNotLoaded, library);
  }
  const logger = memory();
  const client = await LIBRARIES['ioredis 6'](bare.port);
  const limiter = patient({ client, logger, onError: 'open' });
  for (let times = 0; times < 10; times++) {
    await assert.rejects(limiter.check('k', '5/minute'), ModuleNotLoaded);
  }
  assertRare(logger);
  assert.match(logger.lines[0], /redis-rl module must be loaded.*loadmodule/);
  await bare.command('MODULE', 'LOAD', MODULE);
  await eventually(() => serves(limiter));
});

test('what only an operator can mend is answered 503 in every mode, with advice', async () => {
  await server.command('ACL', 'SETUSER', 'weak', 'on', '>pw', '~*', '-@all', '+ping', '+info');
  await server.command('SET', 'taken', 'by another');
  const url = `redis://weak:pw@127.0.0.1:${server.port}`;
  const cases = [
    ['k', await LIBRARIES['node-redis 6'](server.port, { url }), /NOPERM.*\+rl\.limit/],
    ['taken', await LIBRARIES['ioredis 6'](server.port), /WRONGTYPE.*prefix/],
  ];
  for (const [key, client, advice] of cases) {
    const logger = memory();
    const limiter = patient({ client, logger, onError: 'open' });
    await assert.rejects(limiter.check(new WholeKey(key), '5/minute'), StoreMisconfigured);
    assert.match(logger.lines[0], advice);
  }
});
