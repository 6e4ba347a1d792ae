// Limits that count only some answers, in both frameworks.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import compression from 'compression';
import express from 'express';
import express4 from 'express4';
import Fastify from 'fastify';
import { ConfigurationError } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { LIBRARIES } from '../support/clients.mjs';
import { eventually } from '../support/eventually.mjs';
import { ask, listen, untimed } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { FaultProxy } from '../support/proxy.mjs';
import { assertRare, memory } from '../support/quiet.mjs';
import { Server } from '../support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});
beforeEach(() => server.command('FLUSHALL'));

const failed = (answer) => answer.statusCode >= 400;

async function limiterOf(options = {}, port = server.port) {
  const client = await LIBRARIES['ioredis 6'](port);
  return patient({ client, ...options });
}

/** How much is left of `3/15 minutes`. */
async function left(name = 'login') {
  const [row] = await server.command('RL.PEEK', `rl:${name}:ip:127.0.0.1`);
  return row ? row[4] : 3;
}

/** Waits until that much is left: a charge is given back in the background. */
const leaves = (count, name) => eventually(async () => (await left(name)) === count);

/** An app whose answers are those of `?status=`, or an error, in each framework. */
const APPS = {
  async 'Express 5'(limiter, options) {
    return expressApp(express, limiter, options);
  },
  async 'Express 4'(limiter, options) {
    return expressApp(express4, limiter, options);
  },
  async Fastify(limiter, options) {
    const app = Fastify();
    await app.register(fastifyRateLimit, { limiter });
    const handler = async (request, reply) => {
      if (request.query.throw) throw new Error('boom');
      return reply.code(Number(request.query.status ?? 200)).send('answer');
    };
    app.get('/', { config: { rl: options } }, handler);
    app.get('/hook', { preHandler: app.rl({ ...options, name: 'hook' }) }, handler);
    app.get('/stream', { config: { rl: options } }, (_request, reply) =>
      reply.code(401).send(Readable.from(['a', 'b'])),
    );
    app.get('/fetch', { config: { rl: options } }, (request) => {
      return new Response('x', { status: Number(request.query.status) });
    });
    app.get('/raw', { config: { rl: options } }, (request, reply) => {
      reply.hijack();
      reply.raw.writeHead(Number(request.query.status)).end('x');
    });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    return { url, server: app.server, end: () => app.close() };
  },
};

async function expressApp(make, limiter, options) {
  const app = make();
  app.use(compression());
  const limited = rateLimit(limiter, options);
  app.get('/', limited, (req, res) => {
    if (req.query.throw) throw new Error('boom');
    res.status(Number(req.query.status ?? 200)).send('answer');
  });
  app.get('/stream', limited, (_req, res) => {
    res.writeHead(401, { 'X-Mine': 'yes', 'Set-Cookie': ['a=1', 'b=2'] });
    res.write('a');
    setTimeout(() => res.end('b'), 20);
  });
  app.get('/raw', limited, (req, res) => {
    res.writeHead(Number(req.query.status), [['X-Mine', 'yes']]).end('x');
  });
  app.use((_error, _req, res, _next) => res.status(500).end());
  const server = createServer(app);
  return { url: await listen(server), server, end: () => {} };
}

for (const [framework, make] of Object.entries(APPS)) {
  const options = { limits: '3/15 minutes', name: 'login', countIf: failed };

  test(`${framework}: only failures count, and headers say what is left`, async () => {
    const { url, end } = await make(await limiterOf(), options);
    await server.command('CONFIG', 'RESETSTAT');
    for (let times = 0; times < 5; times++) {
      const good = await ask(url, '/');
      assert.deepEqual([good.status, untimed(good)], [200, '"login";r=3']);
      await leaves(3);
    }
    const bad = await ask(url, '/?status=401');
    assert.deepEqual([bad.status, untimed(bad)], [401, '"login";r=2']);
    const thrown = await ask(url, '/?throw=1');
    assert.deepEqual([thrown.status, untimed(thrown)], [500, '"login";r=1']);
    const good = await ask(url, '/');
    assert.equal(untimed(good), '"login";r=1');
    await leaves(1);
    assert.equal(untimed(await ask(url, '/stream')), '"login";r=0');
    // A refusal by the limiter itself is not settled, nor does it count.
    for (let times = 0; times < 2; times++) assert.equal((await ask(url, '/')).status, 429);
    assert.equal(await left(), 0);
    assert.equal(await server.calls('rl.settle'), 6);
    await end();
  });

  test(`${framework}: answers that are written by hand are seen, too`, async () => {
    const { url, end } = await make(await limiterOf(), options);
    for (const path of framework === 'Fastify' ? ['/raw', '/fetch'] : ['/raw']) {
      await ask(url, `${path}?status=201`);
      await leaves(3);
      const bad = await ask(url, `${path}?status=404`);
      assert.equal(untimed(bad), '"login";r=2');
      assert.equal(await left(), 2);
      await server.command('FLUSHALL');
    }
    await end();
  });

  test(`${framework}: a predicate that throws leaves the charge, and is logged`, async () => {
    const logger = memory();
    const countIf = (answer) => {
      if (answer.statusCode === 200) throw new Error('no idea');
      return Promise.reject(new Error('no idea either'));
    };
    const { url, end } = await make(await limiterOf({ logger }), { ...options, countIf });
    assert.equal(untimed(await ask(url, '/')), '"login";r=2');
    assert.equal(untimed(await ask(url, '/?status=401')), '"login";r=1');
    assert.equal(await left(), 1);
    assertRare(logger);
    assert.match(logger.lines[0], /countIf must answer.*no idea/);
    await end();
  });

  test(`${framework}: a predicate may be slow`, async () => {
    const countIf = async (answer, request) => {
      assert.ok(request.headers.host);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return failed(answer);
    };
    const { url, end } = await make(await limiterOf(), { ...options, countIf });
    const good = await ask(url, '/');
    // Express cannot wait for it, so its headers say what is so far.
    assert.equal(untimed(good), framework === 'Fastify' ? '"login";r=3' : '"login";r=2');
    await leaves(3);
    await ask(url, '/?status=401');
    await sleep(40);
    assert.equal(await left(), 2);
    await end();
  });

  test(`${framework}: a client that is gone before its answer is charged`, async () => {
    const proxy = await FaultProxy.before(server.port);
    const told = [];
    const limiter = await limiterOf({ onDecision: (outcome) => told.push(outcome) }, proxy.port);
    const { url, server: app, end } = await make(limiter, options);
    proxy.fault = 'hang';
    const socket = connect(new URL(url).port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(async () => (await left()) === 2);
    socket.destroy();
    await eventually(async () => (await promisify(app.getConnections).call(app)) === 0);
    proxy.release();
    await eventually(() => told.length === 1);
    await sleep(50);
    // Whatever was sent meanwhile is answered by then.
    await limiter.probe();
    assert.equal(await left(), 2);
    await end();
  });
}

test('Fastify: a hook of app.rl() counts likewise, and an error after all is one', async () => {
  const limiter = await limiterOf();
  const app = Fastify();
  await app.register(fastifyRateLimit, { limiter });
  app.addHook('onSend', async (request, reply) => {
    if (request.query.late && reply.statusCode === 200) throw new Error('late');
  });
  const options = { limits: '3/15 minutes', name: 'login', countIf: failed };
  app.get('/', { preHandler: app.rl(options) }, async () => 'ok');
  assert.equal((await app.inject('/')).statusCode, 200);
  await leaves(3);
  assert.equal((await app.inject('/?late=1')).statusCode, 500);
  await leaves(2);
  await app.close();
});

test('each limit of a request has a predicate of its own', async () => {
  const limiter = await limiterOf();
  const app = express();
  const limited = (name, countIf) =>
    rateLimit(limiter, { limits: '3/15 minutes', name, ...(countIf && { countIf }) });
  app.get(
    '/',
    limited('failures', failed),
    limited('all'),
    limited('successes', (answer) => !failed(answer)),
    (req, res) => res.status(Number(req.query.status)).end(),
  );
  const url = await listen(app);
  assert.equal(
    untimed(await ask(url, '/?status=200')),
    '"failures";r=3, "all";r=2, "successes";r=2',
  );
  assert.equal(
    untimed(await ask(url, '/?status=404')),
    '"failures";r=2, "all";r=1, "successes";r=2',
  );
  await leaves(2, 'failures');
  await leaves(2, 'successes');
  // A refusal by another limit of ours is none of the application's answers: what it cost stands.
  await ask(url, '/?status=200');
  const refused = await ask(url, '/?status=200');
  assert.equal(refused.status, 429);
  assert.equal(await left('failures'), 1);
});

test('when settling fails the answer is served, and the charge stands', async () => {
  const proxy = await FaultProxy.before(server.port);
  const logger = memory();
  const limiter = await limiterOf({ logger, timeoutMs: 3_000 }, proxy.port);
  const app = express();
  app.get('/', rateLimit(limiter, { limits: '3/15 minutes', name: 'login', countIf: failed }));
  app.get('/', (_req, res) => {
    proxy.fault = 'hang';
    res.end('served');
  });
  const url = await listen(app);
  assert.equal((await ask(url, '/')).body, 'served');
  await eventually(() => logger.lines.length > 0);
  assert.match(logger.lines[0], /a charge stands as it was.*must answer within/);
});

test('at most two commands, and nothing is sent twice where it counts', async () => {
  const limiter = await limiterOf();
  const app = express();
  app.get('/', rateLimit(limiter, { limits: '3/m', name: 'login', countIf: failed }));
  app.get('/', (req, res) => res.status(Number(req.query.status)).end());
  const url = await listen(app);
  await server.command('CONFIG', 'RESETSTAT');
  await ask(url, '/?status=401');
  assert.deepEqual([await server.calls(), await server.calls('rl.settle')], [1, 0]);
  await ask(url, '/?status=200');
  await leaves(2);
  assert.deepEqual([await server.calls(), await server.calls('rl.settle')], [2, 1]);
});

test('wrong options are refused, with the right spelling', async () => {
  const limiter = await limiterOf();
  const wrong = [
    [{ countIf: true }, /countIf must be a function, not true/],
    [{ countIf: failed, reserve: true }, /countIf and reserve must not be given together/],
    [{ count_if: failed }, /use countIf/],
    [{ skipSuccessfulRequests: true }, /use countIf, as in countIf: \(res\) =>/],
    [{ reserve: 'yes' }, /reserve must be true or false, not 'yes'/],
    [{ retry: 1 }, /retry must be true or false, not 1/],
    [{ retries: 2 }, /use retry/],
  ];
  const fastify = Fastify();
  await fastify.register(fastifyRateLimit, { limiter });
  for (const [options, message] of wrong) {
    const refused = (error) => error instanceof ConfigurationError && message.test(error.message);
    assert.throws(() => rateLimit(limiter, { limits: '5/minute', ...options }), refused);
    assert.throws(() => fastify.rl({ limits: '5/minute', ...options }), refused);
  }
});
