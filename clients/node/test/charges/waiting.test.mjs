// Waiting a moment instead of being refused, and refusals that are remembered.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { before, beforeEach, test } from 'node:test';
import express from 'express';
import Fastify from 'fastify';
import { ConfigurationError, createLimiter } from 'redis-rl';
import { concurrency, rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { Denials } from '../../dist/esm/checks/denials.js';
import { Lines } from '../../dist/esm/checks/lines.js';
import { limitSetOf } from '../../dist/esm/limits/limit-set.js';
import { readOutcome } from '../../dist/esm/outcome.js';
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

test('a refusal is remembered until it ends, and not for others', async () => {
  const told = [];
  const limiter = await limiterOf({ denyCache: 2, onDecision: ({ source }) => told.push(source) });
  const check = (who, limits = '1/minute', cost = 1) => limiter.check(who, limits, { cost });
  await check('ann');
  const first = await check('ann');
  const calls = await server.calls();
  const second = await check('ann');
  assert.deepEqual([second.source, second.allowed], ['deny_cache', false]);
  assert.ok(second.retryAfter <= first.retryAfter && second.retryAfter > 30);
  assert.equal(await server.calls(), calls);
  assert.deepEqual(told, ['server', 'server', 'deny_cache']);
  // Another cost, other clauses, another key.
  await check('ann', '1/minute', 2);
  await check('ann', '2/minute');
  assert.equal((await check('bob')).source, 'server');
  assert.equal(await server.calls(), calls + 3);
  await limiter.reset('ann');
  assert.equal((await check('ann')).allowed, true);
});

test('what is never remembered', async () => {
  const limiter = await limiterOf({ denyCache: 100 });
  const sources = async (limits, options, times = 3) => {
    const found = [];
    for (let at = 0; at < times; at++) {
      found.push((await limiter.check('ann', limits, options)).source);
    }
    return found;
  };
  assert.deepEqual(await sources('1/day', { cost: 2 }), Array(3).fill('server'));
  const banned = '1/minute; ban 5m after 1/minute';
  assert.deepEqual(await sources(banned, { name: 'b' }, 5), [
    ...Array(3).fill('server'),
    ...Array(2).fill('deny_cache'),
  ]);
  for (let at = 0; at < 3; at++) {
    const { outcome } = await limiter.reserve('ann', '1/hour', { name: 'r' });
    assert.equal(outcome.source, 'server');
  }
  // Settling forgets.
  const reserved = await limiter.reserve('bob', '1/hour', { name: 'r' });
  const again = () => limiter.check('bob', '1/hour', { name: 'r' });
  await again();
  assert.equal((await again()).source, 'deny_cache');
  await reserved.settle(0);
  assert.equal((await again()).allowed, true);
  assert.equal((await limiter.peek('bob', '1/hour', { name: 'r' })).source, 'server');
});

test('policies and places are remembered for a second at most, others for a minute', () => {
  const clock = { now: 0 };
  const denials = new Denials(10, () => clock.now);
  const { labels } = limitSetOf('5/hour');
  const denied = readOutcome([0, [0, 5, 0, 3_000_000, 3_000_000]], labels, 'k', 1);
  for (const [isShort, last] of [
    [true, 999],
    [false, 59_999],
  ]) {
    clock.now = 0;
    denials.keep(denied, 'x', 0, isShort);
    clock.now = last;
    assert.equal(denials.at('k', 'x', 1).retryAfter, (3_000_000 - last) / 1000);
    clock.now = last + 1;
    assert.equal(denials.at('k', 'x', 1), undefined);
  }
  clock.now = 0;
  for (let at = 0; at < 12; at++) {
    if (at === 11) assert.ok(denials.at('k1', 'x', 1));
    const outcome = readOutcome([0, [0, 5, 0, 9_000, 9_000]], labels, `k${at}`, 1);
    denials.keep(outcome, 'x', 0, false);
  }
  const kept = Array.from({ length: 12 }, (_, at) => at).filter((at) =>
    denials.at(`k${at}`, 'x', 1),
  );
  assert.deepEqual(kept, [1, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test('a place that is given back is there at once', async () => {
  const limiter = await limiterOf({ denyCache: 10 });
  const lease = () => limiter.lease('ann', 1, '30s');
  const first = await lease();
  assert.equal((await lease()).outcome.source, 'server');
  // For a second from when it was asked for.
  await eventually(async () => (await lease()).outcome.source === 'deny_cache');
  first.release();
  assert.equal((await lease()).outcome.allowed, true);
  assert.equal(typeof concurrency(limiter, 1), 'function');
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
