// The first connection, and what is said where there is none.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { before, test } from 'node:test';
import { inspect } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import {
  ConfigurationError,
  createLimiter,
  StoreMisconfigured,
  StoreUnavailable,
  Subject,
} from 'redis-rl';
import { CLUSTERS, LIBRARIES } from '../support/clients.mjs';
import { atEnd } from '../support/closing.mjs';
import { eventually } from '../support/eventually.mjs';
import { patient } from '../support/limiters.mjs';
import { memory } from '../support/quiet.mjs';
import { NOBODYS_PORT, Server } from '../support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});

const IOREDIS = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  lazyConnect: true,
};

/** Clients that nobody connects, and nobody listens to. */
const UNCONNECTED = {
  ioredis: (port, options) => {
    const client = new Redis(port, '127.0.0.1', { ...IOREDIS, ...options });
    atEnd(() => client.disconnect());
    return client;
  },
  'node-redis': (port, options) => {
    const socket = { host: '127.0.0.1', port, ...options?.socket };
    const client = createClient({ disableOfflineQueue: true, ...options, socket });
    atEnd(() => client.isOpen && client.destroy());
    return client;
  },
};

/** A proxy that each round trip through takes `ms` longer, as does connecting; counts connections. */
async function slow(ms) {
  const proxy = { connections: 0 };
  const sockets = new Set();
  const listening = createServer((down) => {
    proxy.connections += 1;
    const up = connect(server.port, '127.0.0.1');
    for (const [from, to] of [
      [down, up],
      [up, down],
    ]) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => to.destroy());
      from.on('data', (data) => setTimeout(() => to.write(data), ms / 2));
    }
  });
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  atEnd(() => {
    listening.close();
    for (const socket of sockets) socket.destroy();
  });
  proxy.port = listening.address().port;
  return proxy;
}

for (const [library, make] of Object.entries(UNCONNECTED)) {
  test(`${library}: a hundred checks at once wait for one connection`, async () => {
    const proxy = await slow(0);
    const limiter = patient({ client: make(proxy.port), prefix: library });
    const who = Subject.user('cold');
    const checks = Array.from({ length: 100 }, () => ({ who, limits: '200/hour' }));
    const outcomes = await limiter.checkMany(checks);
    assert.equal(Math.min(...outcomes.map(({ remaining }) => remaining)), 100);
    assert.equal(proxy.connections, 1);
  });

  test(`${library}: a connection that takes longer than a check goes on, and serves the next`, async () => {
    const proxy = await slow(200);
    const client = make(proxy.port);
    const logger = memory();
    const limiter = createLimiter({ client, timeoutMs: 60, logger, prefix: `slow ${library}` });
    const who = Subject.user('cold');
    const first = Array.from({ length: 20 }, () => limiter.check(who, '200/hour'));
    const failed = (await Promise.allSettled(first)).filter(({ status }) => status === 'rejected');
    assert.equal(failed.length, 20);
    assert.match(logger.lines[0], /no connection|must answer within 60 ms/);
    await eventually(() => client.isReady ?? client.status === 'ready');
    const calm = patient({ client, prefix: `slow ${library}` });
    assert.equal((await calm.check(who, '200/hour')).remaining, 199);
    // The breaker that opened meanwhile is no obstacle: what is there is asked.
    await limiter.check(who, '200/hour').catch(() => {});
    await eventually(async () => (await calm.peek(who, '200/hour')).remaining === 198);
    assert.equal(proxy.connections, 1);
  });

  test(`${library}: probe makes that very connection`, async () => {
    const proxy = await slow(60);
    const limiter = patient({ client: make(proxy.port) });
    await limiter.probe();
    await limiter.check('warm', '5/minute');
    assert.equal(proxy.connections, 1);
  });

  test(`${library}: checks stop waiting for a connection that takes too long`, async () => {
    const hung = createServer(() => {}).listen(0, '127.0.0.1');
    await once(hung, 'listening');
    atEnd(() => hung.close());
    const client = make(hung.address().port, { socket: { connectTimeout: 60_000 } });
    const options = { timeoutMs: 30_000, connectTimeoutMs: 100, logger: memory() };
    const limiter = createLimiter({ client, ...options });
    const early = limiter.check('k', '5/minute').catch((error) => error);
    await sleep(200);
    const start = performance.now();
    await assert.rejects(limiter.check('k', '5/minute'), StoreUnavailable);
    assert.ok(performance.now() - start < 20_000);
    if (client.disconnect) client.disconnect();
    else client.destroy();
    await early;
  });

  test(`${library}: one that was closed stays closed`, async () => {
    const client = make(server.port);
    const limiter = patient({ client, logger: memory() });
    await limiter.probe();
    if (client.quit && library === 'ioredis') await client.quit();
    else await client.close();
    await assert.rejects(limiter.check('k', '5/minute'), StoreUnavailable);
    assert.notEqual(client.isOpen ?? client.status, true);
    assert.notEqual(client.status, 'ready');
  });

  test(`${library}: where nothing listens, the cause that the client swallowed is named`, async () => {
    const port = NOBODYS_PORT;
    const logger = memory();
    const limiter = patient({ client: make(port), logger });
    await assert.rejects(limiter.probe(), new RegExp(`ECONNREFUSED 127\\.0\\.0\\.1:${port}`));
    await assert.rejects(limiter.check('k', '5/minute'), StoreUnavailable);
    assert.match(
      logger.lines[0],
      new RegExp(`requests are refused: .*ECONNREFUSED 127\\.0\\.0\\.1:${port}`),
    );
  });

  test(`${library}: a wrong password is misconfigured, and is not shown`, async () => {
    await server.command('ACL', 'SETUSER', 'app', 'on', '>right', '~*', '+@all');
    const password = 'hunter2-s3cret';
    const client = make(server.port, { username: 'app', password });
    const logger = memory();
    const limiter = patient({ client, logger, onError: 'open' });
    const refused = (error) => {
      assert.ok(error instanceof StoreUnavailable, inspect(error));
      assert.match(error.message, /WRONGPASS|NOAUTH/);
      assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(password), inspect(error));
      return error instanceof StoreMisconfigured;
    };
    await assert.rejects(limiter.probe(), refused);
    await assert.rejects(limiter.check('k', '5/minute'), refused);
    assert.ok(!logger.lines.join().includes(password));
  });

  test(`${library}: TLS to a port without it is said to be that`, async () => {
    const tls = library === 'ioredis' ? { tls: {} } : { socket: { tls: true } };
    const limiter = createLimiter({ client: make(server.port, tls), logger: memory() });
    await assert.rejects(limiter.probe(600), /redis:\/\/ instead of rediss:\/\//);
  });
}

for (const [library, create] of Object.entries(CLUSTERS)) {
  test(`${library}: a cluster that nobody can reach is told with its cause`, async () => {
    const cluster = await create(NOBODYS_PORT, { connect: false });
    const limiter = patient({ client: cluster, logger: memory() });
    await assert.rejects(limiter.probe(), (error) => {
      assert.ok(error instanceof StoreUnavailable);
      assert.match(error.message, /ECONNREFUSED|Failed to refresh slots|None of/);
      return true;
    });
  });
}

test('what is no client is refused at once, without what it says', async () => {
  const client = await LIBRARIES['ioredis 6'](server.port);
  const url = 'redis://app:s3cret@127.0.0.1';
  const cases = [
    [undefined, /client must be a client.*new Redis\(url\).*not undefined/],
    [null, /not null/],
    [url, /not text/],
    [Redis, /not a class or a function: make a client of it/],
    [client.pipeline(), /not a pipeline/],
    [
      createClient()
        .connect()
        .catch(() => {}),
      /not a promise: await it first/,
    ],
    [42, /not a number/],
    [{}, /not an object of class Object/],
    [{ get() {}, set() {} }, /not an object of class Object/],
  ];
  for (const [given, message] of cases) {
    assert.throws(
      () => createLimiter({ client: given }),
      (error) => {
        assert.ok(error instanceof ConfigurationError);
        assert.match(error.message, message);
        return !inspect(error).includes('s3cret');
      },
    );
  }
  assert.throws(() => createLimiter(), /options of createLimiter must be an object/);
  assert.throws(() => createLimiter(client), /createLimiter\(\{ client \}\)/);
  assert.throws(
    () => createLimiter({ url }),
    (error) => /url: use client/.test(error.message) && !inspect(error).includes('s3cret'),
  );
});
