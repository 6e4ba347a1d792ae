// Waiting a moment instead of being refused.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { before, beforeEach, test } from 'node:test';
import express from 'express';
import Fastify from 'fastify';
import { ConfigurationError, createLimiter, Subject } from 'redis-rl';
import { limitAll, rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { Lines } from '../../dist/esm/checks/lines.js';
import { limitSetOf } from '../../dist/esm/limits/limit-set.js';
import { LIBRARIES } from '../support/clients.mjs';
import { atEnd } from '../support/closing.mjs';
import { eventually } from '../support/eventually.mjs';
import { ask, listen } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { Server } from '../support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});
beforeEach(() => server.command('FLUSHALL'));

const limiterOf = async (options = {}) =>
  patient({ client: await LIBRARIES['ioredis 6'](server.port), ...options });

test('those who wait are served in order', async () => {
  const told = [];
  const limiter = await limiterOf({ onDecision: (outcome) => told.push(outcome) });
  const calls = await server.calls();
  const served = [];
  const check = async (at) => {
    const outcome = await limiter.check('ann', 'token 10/second burst 1', { maxWait: 60 });
    assert.equal(outcome.allowed, true);
    served.push(at);
  };
  await Promise.all([0, 1, 2, 3, 4, 5].map(check));
  assert.deepEqual(served, [0, 1, 2, 3, 4, 5]);
  // All have asked once, and all but the first have waited and asked again.
  assert.ok((await server.calls()) - calls >= 11);
  assert.equal(told.length, 6);
});

test('what does not fit is refused at once', async () => {
  const limiter = await limiterOf();
  const check = (limits) => limiter.check('ann', limits, { maxWait: 30 });
  await check('1/minute');
  const start = performance.now();
  assert.ok((await check('1/minute')).retryAfter > 30);
  assert.equal((await check('2/hour')).allowed, true);
  const never = await limiter.check('ann', '1/day', { cost: 2, maxWait: 30 });
  assert.equal(never.retryAfter, null);
  await check('token 1/minute burst 1; 9/day');
  const calls = await server.calls();
  const behind = await check('token 1/minute burst 1; 9/day');
  assert.deepEqual([behind.allowed, (await server.calls()) - calls], [false, 1]);
  assert.ok(performance.now() - start < 25_000);
});

test('at most 1,000 wait', async () => {
  const limiter = await limiterOf();
  const lines = new Lines();
  const leave = [];
  const set = limitSetOf('1/minute');
  const wait = async (id) => {
    const ask = () => limiter.check(`u${id}`, '1/minute');
    await ask();
    const onGone = (gone) => {
      leave.push(gone);
      return () => {};
    };
    const limits = () => set.limits;
    return lines.through({ key: `u${id}`, set, cost: 1, maxWaitMs: 600_000, ask, limits, onGone });
  };
  const outcomes = Array.from({ length: 1_001 }, (_, id) => wait(id));
  const refused = await Promise.race(outcomes);
  assert.deepEqual([refused.allowed, leave.length], [false, 1_000]);
  for (const gone of leave) gone();
  await Promise.all(outcomes);
});

/** Apps with a route each, by the names of the frameworks. */
async function appsOf(limiter, options) {
  const app = express();
  app.get('/', rateLimit(limiter, options), (_req, res) => res.end('ok'));
  const fastify = Fastify();
  await fastify.register(fastifyRateLimit, { limiter });
  fastify.get('/', { config: { rl: { ...options, retry: true } } }, async () => 'ok');
  atEnd(() => fastify.close());
  const url = await fastify.listen({ port: 0, host: '127.0.0.1' });
  return { Express: await listen(app), Fastify: url };
}

test('routes wait for their turn', async () => {
  const options = { limits: 'token 10/second burst 1', maxWait: 60, name: 'patient' };
  for (const url of Object.values(await appsOf(await limiterOf(), options))) {
    const calls = await server.calls();
    const answers = await Promise.all([1, 2, 3].map(() => ask(url, '/')));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
    assert.ok((await server.calls()) - calls >= 4);
  }
});

test('a newcomer is told the estimate of the line, and a client that goes away leaves it', async () => {
  const limiter = await limiterOf();
  const limits = 'token 1/minute burst 1';
  const options = { limits, maxWait: 150, name: 'patient', key: () => 'ann' };
  // Of somebody who does not wait: what the line means, or else what the server says.
  const estimate = async () =>
    (await limiter.check('ann', limits, { name: 'patient', maxWait: 1 })).retryAfter;
  for (const [framework, url] of Object.entries(await appsOf(limiter, options))) {
    await server.command('FLUSHALL');
    assert.equal((await ask(url, '/')).status, 200);
    const sockets = [1, 2].map(() => {
      const socket = connect(new URL(url).port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      return socket;
    });
    await eventually(async () => (await estimate()) > 125, `${framework}: two are in the line`);
    const calls = await server.calls();
    const refused = await ask(url, '/');
    assert.deepEqual([refused.status, (await server.calls()) - calls], [429, 0], framework);
    const wait = Number(refused.headers['retry-after']);
    assert.ok(wait > 150 && wait <= 180, `${framework}: ${wait}`);
    for (const socket of sockets) socket.destroy();
    await eventually(async () => (await estimate()) <= 60, `${framework}: the line is empty`);
  }
});

const RED = Subject.of('team', 'red');
const both = (limits, who = 'ann', cost = 1) => [
  { who, limits, name: 'user', cost },
  { who: RED, limits: '9/minute', name: 'team' },
];

test('several subjects wait together', async () => {
  const told = [];
  const limiter = await limiterOf({ onDecision: (outcome) => told.push(outcome) });
  const calls = await server.calls('rl.all');
  const left = [];
  const check = async () => {
    const outcome = await limiter.checkAll(both('token 10/second burst 1'), { maxWait: 60 });
    left.push(outcome.each[1].remaining);
  };
  await Promise.all([1, 2, 3].map(check));
  assert.deepEqual(left, [8, 7, 6]);
  assert.ok((await server.calls('rl.all')) - calls >= 5);
  assert.equal(told.length, 3);
  const refused = async () => limiter.checkAll(both('1/hour'), { maxWait: 30 });
  assert.equal((await refused()).allowed, true);
  const { each } = await refused();
  assert.ok(each[0].retryAfter > 30);
  assert.deepEqual([each[1].allowed, each[1].retryAfter], [true, 0]);
  assert.equal(told.length, 5);
});

test('routes of several subjects wait, and a client that goes away leaves the line', async () => {
  const limiter = await limiterOf();
  const limits = 'token 1/minute burst 1';
  const subjects = {
    user: { limits, key: () => 'ann' },
    team: { limits: '9/minute', key: () => RED },
  };
  const options = { maxWait: 150 };
  const app = express();
  app.get('/', limitAll(limiter, subjects, options), (_req, res) => res.end('ok'));
  const fastify = Fastify();
  atEnd(() => fastify.close());
  await fastify.register(fastifyRateLimit, { limiter });
  fastify.get('/', { onRequest: fastify.rl.limitAll(subjects, options) }, async () => 'ok');
  const urls = [await listen(app), await fastify.listen({ port: 0, host: '127.0.0.1' })];
  const refusal = () => limiter.checkAll(both(limits), { maxWait: 1 });
  for (const url of urls) {
    await server.command('FLUSHALL');
    assert.equal((await ask(url, '/')).status, 200);
    const sockets = [1, 2].map(() => {
      const socket = connect(new URL(url).port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      return socket;
    });
    await eventually(async () => (await refusal()).retryAfter > 125);
    const calls = await server.calls('rl.all');
    const { each, retryAfter } = await refusal();
    assert.deepEqual([each[0].retryAfter, each[1].retryAfter], [retryAfter, 0]);
    assert.equal((await ask(url, '/')).status, 429);
    assert.equal(await server.calls('rl.all'), calls);
    for (const socket of sockets) socket.destroy();
    await eventually(async () => (await refusal()).retryAfter <= 60);
  }
});

test('wrong numbers are refused', async () => {
  const limiter = await limiterOf();
  for (const maxWait of [0, -1, 3_601, '2', NaN]) {
    await assert.rejects(limiter.check('ann', '5/m', { maxWait }), /maxWait must be a number of/);
    assert.throws(() => rateLimit(limiter, { limits: '5/m', maxWait }), ConfigurationError);
  }
  for (const denyCache of [-1, 1.5, 1_000_001, true]) {
    assert.throws(
      () => createLimiter({ enabled: false, denyCache }),
      /denyCache must be an integer/,
    );
  }
  assert.throws(
    () => rateLimit(limiter, { limits: '5/m', denyCache: 5 }),
    /denyCache of createLimiter/,
  );
});
