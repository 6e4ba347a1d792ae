// Places: so many requests at once, whatever becomes of them.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import Fastify from 'fastify';
import { ConfigurationError, fieldsOf } from 'redis-rl';
import { concurrency } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { startExample } from '../support/app.mjs';
import { LIBRARIES } from '../support/clients.mjs';
import { eventually, gate } from '../support/eventually.mjs';
import { ask, listen } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { FaultProxy } from '../support/proxy.mjs';
import { memory } from '../support/quiet.mjs';
import { Server } from '../support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});
beforeEach(() => server.command('FLUSHALL'));

const KEY = 'rl:busy:ip:127.0.0.1';

/** What RL.PEEK tells of the places at a key, if any is taken. */
async function standing(key = KEY) {
  const rows = await server.command('RL.PEEK', key);
  return rows.find(([name]) => name === 'lease');
}

/** How many places are taken. */
async function taken(key) {
  const row = await standing(key);
  return row ? row[1] - row[4] : 0;
}

/** When the last lease ends, on the server's clock. */
const endsAt = async (key) => Number(await server.command('PEXPIRETIME', key));

const limiterOf = async (options = {}, port = server.port) =>
  patient({ client: await LIBRARIES['ioredis 6'](port), ...options });

for (const [library, make] of Object.entries(LIBRARIES)) {
  test(`${library}: a place is taken once, and released`, async () => {
    const proxy = await FaultProxy.before(server.port);
    const soon = { retryStrategy: () => 1, socket: { reconnectStrategy: 1 } };
    const client = await make(proxy.port, soon);
    const limiter = patient({ client, logger: memory() });
    const lease = (time = '600ms') => limiter.lease('ann', 2, time, { name: 'busy' });
    await assert.rejects(lease(), /lease must be a time of at most 366 days.*not '600ms'/);
    proxy.fault = 'drop one';
    const first = await lease('1m');
    assert.equal(await taken('rl:busy:user:ann'), 1);
    assert.equal(
      String(fieldsOf(first.outcome).flat()),
      'RateLimit-Policy,"busy";q=2;qu="concurrent-requests",RateLimit,"busy";r=1',
    );
    const second = await lease('1m');
    const refused = await lease('1m');
    assert.equal(refused.outcome.allowed, false);
    assert.ok(refused.outcome.retryAfter >= 1 && refused.outcome.retryAfter <= 60);
    refused.release();
    assert.equal(await taken('rl:busy:user:ann'), 2);
    first.release();
    first.release();
    await eventually(async () => (await taken('rl:busy:user:ann')) === 1);
    await assert.rejects(
      second.run(() => Promise.reject(new Error('boom'))),
      /boom/,
    );
    await eventually(async () => (await taken('rl:busy:user:ann')) === 0);
  });
}

for (const [library, make] of Object.entries(LIBRARIES)) {
  test(`${library}: a place is renewed while it is held`, async () => {
    const limiter = patient({ client: await make(server.port) });
    const renewals = await server.calls('rl.renew');
    const key = 'rl:busy:user:ann';
    const place = await limiter.lease('ann', 2, '3s', { name: 'busy' });
    const first = await endsAt(key);
    await eventually(async () => (await endsAt(key)) > first);
    assert.ok((await server.calls('rl.renew')) > renewals);
    place.release();
    await eventually(async () => (await taken(key)) === 0);
  });
}

test('a place that is gone is asked for again, and after its release no more', async () => {
  const limiter = await limiterOf();
  const lease = await limiter.lease('ann', 2, '1s', { name: 'busy' });
  await server.command('FLUSHALL');
  await eventually(async () => (await taken('rl:busy:user:ann')) === 1);
  lease.release();
  await eventually(async () => (await taken('rl:busy:user:ann')) === 0);
  const calls = async () => [await server.calls('rl.renew'), await server.calls('rl.lease')];
  const before = await calls();
  await sleep(700);
  assert.deepEqual(await calls(), before);
});

/** Apps that are busy for `ms`, or `until` a gate is opened, in each framework. */
const APPS = {
  async Express(limiter, options, until) {
    const app = express();
    app.get('/', concurrency(limiter, 2, options), async (req, res) => {
      if (req.query.fail) throw new Error('boom');
      if (req.query.stream) res.write('a');
      await busy(req.query, until);
      res.end('b');
    });
    app.use((_error, _req, res, _next) => res.status(500).end());
    return { url: await listen(app), end: () => {} };
  },
  async Fastify(limiter, options, until) {
    const app = Fastify();
    await app.register(fastifyRateLimit, { limiter });
    const limited = { onRequest: app.rl.concurrency(2, options) };
    app.get('/config', { config: { rl: { concurrency: 2, ...options } } }, async (request) => {
      await busy(request.query, until);
      return 'b';
    });
    app.get('/', limited, async (request, reply) => {
      if (request.query.fail) throw new Error('boom');
      if (request.query.stream) {
        reply.hijack();
        reply.raw.write('a');
        await busy(request.query, until);
        return void reply.raw.end('b');
      }
      await busy(request.query, until);
      return 'b';
    });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    return { url, end: () => app.close() };
  },
};

const busy = ({ held, ms = 0 }, until) => (held ? until.opened : sleep(Number(ms)));

for (const [framework, make] of Object.entries(APPS)) {
  const options = { lease: '30s', name: 'busy' };

  test(`${framework}: held until the body has ended, and released after errors`, async () => {
    const until = gate();
    const { url, end } = await make(await limiterOf(), options, until);
    const running = [ask(url, '/?held=1&stream=1'), ask(url, '/?held=1')];
    await eventually(async () => (await taken()) === 2);
    const refused = await ask(url, '/');
    assert.equal(refused.status, 429);
    const wait = Number(refused.headers['retry-after']);
    assert.ok(wait >= 1 && wait <= 30);
    assert.equal(refused.headers['ratelimit-policy'], '"busy";q=2;qu="concurrent-requests"');
    assert.equal(refused.headers.ratelimit, `"busy";r=0;t=${wait}`);
    assert.equal(await taken(), 2);
    until.open();
    const [stream, plain] = await Promise.all(running);
    assert.deepEqual([stream.body, plain.status], ['ab', 200]);
    assert.match(plain.headers.ratelimit, /^"busy";r=[01]$/);
    await eventually(async () => (await taken()) === 0);
    for (let times = 0; times < 3; times++) {
      assert.equal((await ask(url, '/?fail=1')).status, 500);
      await eventually(async () => (await taken()) === 0);
    }
    await end();
  });

  test(`${framework}: a client that goes away gives its place back`, async () => {
    const until = gate();
    const { url, end } = await make(await limiterOf(), options, until);
    const socket = connect(new URL(url).port, '127.0.0.1');
    socket.write('GET /?held=1 HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(async () => (await taken()) === 1);
    socket.destroy();
    await eventually(async () => (await taken()) === 0);
    until.open();
    await end();
  });

  test(`${framework}: of 200 at once a third hang up, and no place is left`, async () => {
    const { url, end } = await make(await limiterOf(), options);
    const { port } = new URL(url);
    const answers = [];
    for (let at = 0; at < 200; at++) {
      if (at % 3 > 0) answers.push(ask(url, '/?ms=5'));
      else {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => {});
        socket.write('GET /?ms=20 HTTP/1.1\r\nHost: x\r\n\r\n');
        setTimeout(() => socket.destroy(), at % 20);
      }
    }
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    assert.ok(statuses.every((status) => status === 200 || status === 429));
    assert.ok(statuses.includes(200));
    // One that has hung up may still be on its way.
    await eventually(async () => (await ask(url, '/')).status === 200);
    await eventually(async () => (await taken()) === 0);
    await end();
  });
}

test('Fastify: config.rl may be places', async () => {
  const until = gate();
  const { url, end } = await APPS.Fastify(await limiterOf(), { name: 'busy' }, until);
  const running = [1, 2].map(() => ask(url, '/config?held=1'));
  await eventually(async () => (await taken()) === 2);
  const refused = await ask(url, '/config');
  assert.equal(refused.headers['ratelimit-policy'], '"busy";q=2;qu="concurrent-requests"');
  assert.equal(refused.status, 429);
  until.open();
  for (const { status } of await Promise.all(running)) assert.equal(status, 200);
  await eventually(async () => (await taken()) === 0);
  await end();
});

test('a place that was taken by a late reply is given back', async () => {
  const proxy = await FaultProxy.before(server.port);
  const limiter = await limiterOf({ timeoutMs: 60, onError: 'open', logger: memory() }, proxy.port);
  proxy.fault = 'hang';
  const { outcome, release } = await limiter.lease('ann', 2, '1h', { name: 'busy' });
  assert.equal(outcome.source, 'failed_open');
  release();
  proxy.release();
  await eventually(async () => (await taken('rl:busy:user:ann')) === 0);
});

test('an outage at the release is logged, and harmless', async () => {
  const proxy = await FaultProxy.before(server.port);
  const logger = memory();
  const limiter = await limiterOf({ timeoutMs: 3_000, logger }, proxy.port);
  const app = express();
  app.get('/', concurrency(limiter, 2, { lease: '1m', name: 'busy' }), (_req, res) => {
    proxy.fault = 'hang';
    res.end('served');
  });
  assert.equal((await ask(await listen(app), '/')).body, 'served');
  await eventually(() => logger.lines.length > 0);
  assert.match(logger.lines[0], /a place is not released, and ends with its lease/);
});

test('an application that is killed leaves nothing beyond its lease', async () => {
  const app = await startExample('app.mjs', { REDIS_URL: server.url });
  ask(app.url, '/busy?ms=60000').catch(() => {});
  await eventually(async () => (await taken()) === 1);
  app.process.kill('SIGKILL');
  await app.ended;
  const [, , , , , , resetMs = 0] = (await standing()) ?? [];
  assert.ok(resetMs <= 5_000, `${resetMs} ms`);
  await eventually(async () => (await taken()) === 0);
});

test('wrong options are refused where they are written', async () => {
  const limiter = await limiterOf();
  const wrong = [
    [-1, {}, /limit must be an integer from 0 to 65536, not -1/],
    [65_537, {}, /limit must be/],
    ['4', {}, /limit must be/],
    [4, { lease: 30 }, /lease must be a time/],
    [4, { lease: '367 days' }, /at most 366 days/],
    [4, { leases: '30s' }, /use lease/],
    [4, { cost: 2 }, /concurrency has no option cost/],
    [4, { scope: '' }, /scope must be text/],
  ];
  for (const [limit, options, message] of wrong) {
    assert.throws(
      () => concurrency(limiter, limit, options),
      (error) => {
        return error instanceof ConfigurationError && message.test(error.message);
      },
    );
  }
});
