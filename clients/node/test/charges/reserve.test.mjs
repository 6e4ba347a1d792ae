// Charges by estimate, and replies that are lost: one charge, never two.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import express from 'express';
import Fastify from 'fastify';
import { ConfigurationError, createLimiter, StoreUnavailable, WholeKey } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { CLUSTERS, LIBRARIES } from '../support/clients.mjs';
import { ask, listen, untimed } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { FaultProxy } from '../support/proxy.mjs';
import { memory } from '../support/quiet.mjs';
import { Server, startCluster } from '../support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});
beforeEach(() => server.command('FLUSHALL'));

const TOKENS = 'fixed 1000/minute';
/** Clients that connect again at once, as far as they let themselves be told. */
const SOON = {
  ioredis: { retryStrategy: () => 1 },
  'node-redis': { socket: { reconnectStrategy: 1 } },
};

async function left(name = 'tokens', subject = 'user:ann') {
  const [row] = await server.command('RL.PEEK', `rl:${name}:${subject}`);
  return row ? row[4] : 1000;
}

for (const [library, connect] of Object.entries(LIBRARIES)) {
  test(`${library}: an estimate is corrected, and the last word counts`, async () => {
    const limiter = patient({ client: await connect(server.port) });
    const options = { name: 'tokens', cost: 600 };
    const reserved = await limiter.reserve('ann', TOKENS, options);
    assert.deepEqual([reserved.outcome.allowed, reserved.outcome.remaining], [true, 400]);
    for (const [actual, remaining] of [
      [250, 750],
      [250, 750],
      [900, 100],
      [0, 1000],
    ]) {
      assert.equal(await reserved.settle(actual), true);
      assert.equal(reserved.outcome.remaining, remaining);
      const { remaining: really } = await limiter.peek('ann', TOKENS, { name: 'tokens' });
      assert.equal(really, remaining);
    }
    await assert.rejects(reserved.settle(-1), /cost must be an integer from 0 to 10\^12, not -1/);
    await limiter.reset('ann', { name: 'tokens' });
    assert.equal(await reserved.settle(5), false);
  });

  test(`${library}: a reply that is lost is asked for again, and charged once`, async () => {
    const proxy = await FaultProxy.before(server.port);
    const client = await connect(proxy.port, SOON[library.split(' ')[0]]);
    const limiter = patient({ client, logger: memory() });
    const lost = () => {
      proxy.fault = 'drop one';
    };
    lost();
    const checked = await limiter.check('ann', '100/hour', { name: 'plain', retry: true });
    assert.deepEqual([checked.remaining, await left('plain')], [99, 99]);
    lost();
    const reserved = await limiter.reserve('ann', TOKENS, { name: 'tokens', cost: 600 });
    assert.deepEqual([reserved.outcome.remaining, await left()], [400, 400]);
    lost();
    assert.equal(await reserved.settle(100), true);
    assert.equal(await left(), 900);
    assert.equal(proxy.dropped, 3);
    // Without an id it is not sent again.
    lost();
    await assert.rejects(limiter.check('ann', '100/hour', { name: 'plain' }), StoreUnavailable);
    assert.equal(await left('plain'), 98);
  });

  test(`${library}: it is asked for again once, and not after a timeout or an error`, async () => {
    const proxy = await FaultProxy.before(server.port);
    const client = await connect(proxy.port, SOON[library.split(' ')[0]]);
    const limiter = patient({ client, logger: memory() });
    const check = () => limiter.check('ann', '100/hour', { name: 'plain', retry: true });
    await check();
    const calls = await server.calls();
    proxy.fault = 'drop checks';
    await assert.rejects(check(), StoreUnavailable);
    assert.deepEqual([(await server.calls()) - calls, proxy.dropped], [2, 2]);
    assert.equal(await left('plain'), 98);
    const hanging = await FaultProxy.before(server.port);
    const other = createLimiter({ client: await connect(hanging.port), timeoutMs: 60 });
    hanging.fault = 'hang';
    await assert.rejects(other.check('bob', '100/hour', { retry: true }), /within 60 ms/);
    assert.ok((await server.calls()) - calls <= 3);
    await server.command('SET', 'taken', 'x');
    const direct = patient({ client: await connect(server.port), logger: memory() });
    const answered = await server.calls();
    const taken = direct.check(new WholeKey('taken'), '5/minute', { retry: true });
    await assert.rejects(taken, /WRONGTYPE/);
    assert.equal((await server.calls()) - answered, 1);
  });
}

test('in a cluster a lost reply is asked for again, and charged once', async () => {
  const nodes = await startCluster();
  for (const [library, connect] of Object.entries(CLUSTERS)) {
    const proxies = await Promise.all(nodes.map(({ port }) => FaultProxy.before(port)));
    const addresses = Object.fromEntries(
      nodes.map(({ port }, at) => [
        `127.0.0.1:${port}`,
        { host: '127.0.0.1', port: proxies[at].port },
      ]),
    );
    const client = await connect(nodes[0].port, { addresses });
    const limiter = patient({ client, logger: memory() });
    for (let at = 0; at < 6; at++) {
      const key = new WholeKey(`{${library} ${at}}`);
      await limiter.check(key, '7/day');
      const node = await nodeOf(nodes, key.key);
      proxies[node].fault = 'drop one';
      const outcome = await limiter.check(key, '100/hour', { retry: true });
      assert.equal(proxies[node].fault, 'pass', library);
      assert.equal(outcome.remaining, 99, library);
      const rows = await nodes[node].command('RL.PEEK', key.key);
      assert.deepEqual(rows.find(([, limit]) => limit === 100)[4], 99, library);
    }
  }
});

/** The place of the node that has `key`. */
async function nodeOf(nodes, key) {
  const slot = Number(await nodes[0].command('CLUSTER', 'KEYSLOT', key));
  return [5461, 10923, 16384].findIndex((end) => slot < end);
}

test('work around a reservation may fail', async () => {
  const limiter = patient({ client: await LIBRARIES['ioredis 6'](server.port) });
  const options = { name: 'tokens', cost: 600 };
  const boom = () => {
    throw new Error('boom');
  };
  const reserve = async (more) => limiter.reserve('ann', TOKENS, { ...options, ...more });
  await assert.rejects((await reserve()).run(boom), /boom/);
  assert.equal(await left(), 400);
  await limiter.reset('ann', { name: 'tokens' });
  const refunding = { refundOnError: true };
  await assert.rejects((await reserve(refunding)).run(boom), /boom/);
  assert.equal(await left(), 1000);
  const reserved = await reserve(refunding);
  const answer = await reserved.run(async () => {
    await reserved.settle(10);
    return 'done';
  });
  assert.deepEqual([answer, await left()], ['done', 990]);
  await assert.rejects(reserve({ refundOnErrors: true }), /use refundOnError/);
});

test('what was not charged has nothing to settle', async () => {
  const client = await LIBRARIES['ioredis 6'](server.port);
  const limiter = patient({ client });
  const denied = await limiter.reserve('ann', TOKENS, { name: 'tokens', cost: 1001 });
  assert.deepEqual([denied.outcome.allowed, await denied.settle(1)], [false, false]);
  const free = await limiter.reserve('ann', TOKENS, { name: 'tokens', cost: 0 });
  assert.equal(await free.settle(5), false);
  const off = createLimiter({ enabled: false });
  assert.equal(await (await off.reserve('ann', TOKENS)).settle(5), false);
  await assert.rejects(limiter.reserve('ann', TOKENS, { retry: true }), ConfigurationError);
  const proxy = await FaultProxy.before(server.port);
  const logger = memory();
  const lost = await LIBRARIES['ioredis 6'](proxy.port, { retryStrategy: null });
  const gone = createLimiter({ client: lost, logger, onError: 'open', timeoutMs: 3_000 });
  const reserved = await gone.reserve('bob', TOKENS, { name: 'tokens', cost: 100 });
  proxy.fault = 'drop';
  assert.equal(await reserved.settle(1), false);
  assert.equal(reserved.outcome.remaining, 900);
  assert.match(logger.lines[0], /a charge stands as it was/);
  const open = await gone.reserve('bob', TOKENS, { name: 'tokens', cost: 100 });
  assert.deepEqual([open.outcome.source, await open.settle(1)], ['failed_open', false]);
});

test('a route settles what it reserved, and its headers say what is left', async () => {
  const limiter = patient({ client: await LIBRARIES['ioredis 6'](server.port) });
  const options = (name) => ({ limits: TOKENS, name, reserve: true });
  const app = express();
  const limited = { ...options('tokens'), cost: (req) => Number(req.query.estimate) };
  app.post('/', rateLimit(limiter, limited), async (req, res) => {
    const known = await req.rateLimit.settle(Number(req.query.actual));
    res.json({ known, left: req.rateLimit.requestsLeft });
  });
  const fastify = Fastify();
  await fastify.register(fastifyRateLimit, { limiter });
  const rl = { ...options('fast'), cost: (request) => Number(request.query.estimate) };
  fastify.post('/', { config: { rl } }, async (request) => {
    const known = await request.rateLimit.settle(Number(request.query.actual));
    return { known, left: request.rateLimit.requestsLeft };
  });
  const urls = {
    tokens: await listen(app),
    fast: await fastify.listen({ port: 0, host: '127.0.0.1' }),
  };
  for (const [name, url] of Object.entries(urls)) {
    const post = (query) => ask(url, `/?${query}`, { method: 'POST' });
    const answer = await post('estimate=600&actual=250');
    assert.deepEqual(answer.json(), { known: true, left: 750 });
    assert.equal(untimed(answer), `"${name}";r=750`);
    assert.equal(await left(name, 'ip:127.0.0.1'), 750);
    assert.equal((await post('estimate=751&actual=1')).status, 429);
    assert.deepEqual((await post('estimate=1&actual=9999')).json(), { known: true, left: 0 });
  }
  await fastify.close();
});
