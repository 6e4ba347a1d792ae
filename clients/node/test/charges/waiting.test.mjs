// Waiting a moment instead of being refused, and refusals that are remembered.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import Fastify from 'fastify';
import { ConfigurationError, createLimiter } from 'redis-rl';
import { concurrency, rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { Denials } from '../../dist/esm/checks/denials.js';
import { limitSetOf } from '../../dist/esm/limits/limit-set.js';
import { readOutcome } from '../../dist/esm/outcome.js';
import { LIBRARIES } from '../support/clients.mjs';
import { atEnd } from '../support/closing.mjs';
import { eventually } from '../support/eventually.mjs';
import { ask, listen } from '../support/http.mjs';
import { Server } from '../support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});
beforeEach(() => server.command('FLUSHALL'));

const limiterOf = async (options = {}) =>
  createLimiter({
    client: await LIBRARIES['ioredis 6'](server.port),
    timeoutMs: 5_000,
    ...options,
  });

const PATIENT = 'token 10/second burst 1';

test('those who wait are served in order, and as many as fit', async () => {
  const told = [];
  const limiter = await limiterOf({ onDecision: (outcome) => told.push(outcome) });
  const served = [];
  const start = performance.now();
  const check = async (at) => {
    const outcome = await limiter.check('ann', PATIENT, { maxWait: 1 });
    if (outcome.allowed) served.push(at);
    return outcome;
  };
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, at) => check(at)));
  const took = performance.now() - start;
  assert.deepEqual(
    served,
    [...served].sort((a, b) => a - b),
  );
  assert.ok(served.length >= 5 && served.length <= 11, `${served.length} were served`);
  assert.ok(took >= 400 && took < 3_000, `${took} ms`);
  const refused = outcomes.filter(({ allowed }) => !allowed);
  assert.ok(refused.every(({ retryAfter }) => retryAfter > 0));
  assert.equal(told.length, 20);
});

test('what does not fit is refused at once', async () => {
  const limiter = await limiterOf();
  const check = (limits) => limiter.check('ann', limits, { maxWait: 0.5 });
  await check('1/minute');
  const start = performance.now();
  assert.ok((await check('1/minute')).retryAfter > 50);
  assert.equal((await check('2/hour')).allowed, true);
  const never = await limiter.check('ann', '1/day', { cost: 2, maxWait: 5 });
  assert.equal(never.retryAfter, null);
  // The line already means more than that; nobody asks.
  await check('token 1/second burst 1; 9/day');
  const calls = await server.calls();
  const behind = await check('token 1/second burst 1; 9/day');
  assert.deepEqual([behind.allowed, (await server.calls()) - calls], [false, 1]);
  assert.ok(performance.now() - start < 450);
});

test('a newcomer is told the estimate of the line', async () => {
  const limiter = await limiterOf();
  const limits = 'token 2/second burst 1';
  await limiter.check('ann', limits);
  const waiting = [1, 2].map(() => limiter.check('ann', limits, { maxWait: 3 }));
  await sleep(50);
  const calls = await server.calls();
  const late = await limiter.check('ann', limits, { maxWait: 0.9 });
  assert.deepEqual([late.allowed, (await server.calls()) - calls], [false, 0]);
  assert.ok(late.retryAfter > 1 && late.retryAfter <= 1.5, `${late.retryAfter}`);
  for (const outcome of await Promise.all(waiting)) assert.equal(outcome.allowed, true);
});

test('at most 1,000 wait', async () => {
  const limiter = await limiterOf();
  const check = (id) => limiter.check(`u${id}`, 'token 1/second burst 1', { maxWait: 2 });
  await Promise.all(Array.from({ length: 1_010 }, (_, id) => check(id)));
  const outcomes = await Promise.all(Array.from({ length: 1_010 }, (_, id) => check(id)));
  const refused = outcomes.filter(({ allowed }) => !allowed).length;
  assert.ok(refused >= 1 && refused <= 10, `${refused} were refused`);
});

test('routes wait, and a client that goes away leaves the line', async () => {
  const limiter = await limiterOf();
  const options = { limits: 'token 1/second burst 1', maxWait: 2.5, name: 'patient' };
  const app = express();
  app.get('/', rateLimit(limiter, options), (_req, res) => res.end('ok'));
  const fastify = Fastify();
  await fastify.register(fastifyRateLimit, { limiter });
  fastify.get('/', { config: { rl: { ...options, retry: true } } }, async () => 'ok');
  const urls = [await listen(app), await fastify.listen({ port: 0, host: '127.0.0.1' })];
  atEnd(() => fastify.close());
  for (const url of urls) {
    await server.command('FLUSHALL');
    assert.equal((await ask(url, '/')).status, 200);
    const calls = await server.calls();
    const sockets = [1, 2].map(() => {
      const socket = connect(new URL(url).port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      return socket;
    });
    // The second comes to a line, and does not ask.
    await eventually(async () => (await server.calls()) > calls);
    await sleep(50);
    for (const socket of sockets) socket.destroy();
    await sleep(50);
    // With those two before it, it would be refused at once.
    assert.equal((await ask(url, '/')).status, 200);
    const answers = await Promise.all(Array.from({ length: 9 }, () => ask(url, '/')));
    const served = answers.filter(({ status }) => status === 200).length;
    assert.ok(served >= 1 && served <= 3, `${served} were served`);
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
  assert.ok(second.retryAfter <= first.retryAfter && second.retryAfter > 58);
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
  assert.equal((await lease()).outcome.source, 'deny_cache');
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
