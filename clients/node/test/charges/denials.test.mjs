// Refusals that are remembered, so that the server is not asked for them again.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import express from 'express';
import { Subject } from 'redis-rl';
import { limitAll } from 'redis-rl/express';
import { Denials } from '../../dist/esm/checks/denials.js';
import { limitSetOf } from '../../dist/esm/limits/limit-set.js';
import { readOutcome } from '../../dist/esm/outcome.js';
import { LIBRARIES } from '../support/clients.mjs';
import { eventually } from '../support/eventually.mjs';
import { ask, listen } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { FaultProxy } from '../support/proxy.mjs';
import { Server } from '../support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});
beforeEach(() => server.command('FLUSHALL'));

const limiterOf = async (options = {}) =>
  patient({ client: await LIBRARIES['ioredis 6'](server.port), ...options });

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

test('a refusal that was under way when its key was forgotten is not remembered', () => {
  const clock = { now: 0 };
  const denials = new Denials(1, () => clock.now);
  const { labels } = limitSetOf('5/hour');
  const denied = (key) => readOutcome([0, [0, 5, 0, 3_000_000, 3_000_000]], labels, key, 1);
  clock.now = 10;
  denials.forget('k');
  for (const keys of [['k'], ['other', 'k']]) {
    denials.keep(denied(keys[0]), '5/hour', 9, false, keys);
    assert.equal(denials.at(keys[0], '5/hour', 1), undefined);
  }
  denials.keep(denied('other'), '5/hour', 9, false);
  assert.ok(denials.at('other', '5/hour', 1));
  denials.keep(denied('k'), '5/hour', 11, false);
  assert.ok(denials.at('k', '5/hour', 1), 'asked afterwards');
});

test('a refusal that is read after its charge was settled is not remembered', async () => {
  const proxy = await FaultProxy.before(server.port);
  const limiter = patient({ client: await LIBRARIES['ioredis 6'](proxy.port), denyCache: 9 });
  const check = () => limiter.check('ann', '1/hour');
  const reserved = await limiter.reserve('ann', '1/hour');
  const calls = await server.calls('rl.settle');
  proxy.fault = 'hang';
  const [refused, settled] = [check(), reserved.settle(0)];
  await eventually(async () => (await server.calls('rl.settle')) > calls);
  proxy.release();
  assert.equal((await refused).allowed, false);
  await settled;
  assert.equal((await check()).allowed, true);
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
});

const RED = Subject.of('team', 'red');
const both = (limits, who = 'ann', cost = 1) => [
  { who, limits, name: 'user', cost },
  { who: RED, limits: '9/minute', name: 'team' },
];

test('a refusal of several subjects is remembered for all of them together', async () => {
  const told = [];
  const limiter = await limiterOf({ denyCache: 9, onDecision: ({ source }) => told.push(source) });
  const check = (...given) => limiter.checkAll(both(...given));
  await check('1/minute');
  const first = await check('1/minute');
  const calls = await server.calls('rl.all');
  const second = await check('1/minute');
  assert.equal(await server.calls('rl.all'), calls);
  assert.deepEqual(told, ['server', 'server', 'deny_cache']);
  assert.deepEqual(
    [second.allowed, ...second.each.map(({ allowed, source }) => `${allowed} ${source}`)],
    [false, 'false deny_cache', 'true deny_cache'],
  );
  for (const of of [(outcome) => outcome, ({ each }) => each[0]]) {
    assert.ok(of(second).retryAfter <= of(first).retryAfter && of(second).retryAfter > 30);
  }
  // Another cost, another subject, one of them by itself.
  assert.equal((await check('1/minute', 'ann', 2)).source, 'server');
  assert.equal((await check('1/minute', 'bob')).source, 'server');
  const costing = (user, team) => {
    const [first, second] = both('3/minute', 'kim', user);
    return limiter.checkAll([first, { ...second, cost: team }]);
  };
  const three = [await costing(2, 1), await costing(2, 1), await costing(1, 2)];
  assert.deepEqual(
    three.map(({ allowed }) => allowed),
    [true, false, true],
  );
  assert.equal((await limiter.check('ann', '1/minute', { name: 'user' })).source, 'server');
  assert.equal((await check('1/minute')).source, 'deny_cache');
  await limiter.reset(RED, { name: 'team' });
  assert.equal((await check('1/minute')).source, 'server');
  // What may be settled is asked for, and settling forgets.
  const reserved = await limiter.reserve('eve', '1/minute', { name: 'user' });
  await check('1/minute', 'eve');
  assert.equal((await check('1/minute', 'eve')).source, 'deny_cache');
  const app = express();
  const subjects = { user: { limits: '1/minute', key: () => 'eve' } };
  app.get('/', limitAll(limiter, subjects, { reserve: true }), (_req, res) => res.end('ok'));
  const url = await listen(app);
  const before = await server.calls('rl.all');
  for (let times = 0; times < 3; times++) assert.equal((await ask(url, '/')).status, 429);
  assert.equal((await server.calls('rl.all')) - before, 3);
  await reserved.settle(0);
  assert.equal((await check('1/minute', 'eve')).allowed, true);
});

test('a refusal of several subjects by a policy is remembered for a second', async () => {
  await server.command('RL.POLICY', 'SET', 'once', 'FIXED', 1, '1h');
  const limiter = await limiterOf({ denyCache: 9 });
  const check = async () => (await limiter.checkAll(both('policy once'))).source;
  await check();
  await eventually(async () => (await check()) === 'deny_cache');
  await eventually(async () => (await check()) === 'server');
});
