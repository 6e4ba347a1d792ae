// Policies that the server keeps, over each library, and in a cluster.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { createLimiter, fieldsOf, Limit, StoreMisconfigured, Subject } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { PolicyBook } from '../dist/esm/limits/policy-book.js';
import { limitSetOf } from '../dist/esm/limits/limit-set.js';
import { CLUSTERS, LIBRARIES } from './support/clients.mjs';
import { ask, listen } from './support/http.mjs';
import { memory } from './support/quiet.mjs';
import { Server, startCluster } from './support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});
beforeEach(async () => {
  await server.command('FLUSHALL');
  await server.command('RL.POLICY', 'SET', 'api', 'TOKEN', 20, 10, '1s', 'FIXED', 1000, '1h');
  await server.command('RL.POLICY', 'SET', 'team:a', 'FIXED', 5, '1m');
});

const who = Subject.user(1);
const policy = (outcome) => Object.fromEntries(fieldsOf(outcome))['RateLimit-Policy'];
const API = '"api-second";q=20;w=2, "api-hour";q=1000;w=3600';
const timeoutMs = 2_000;

for (const [library, connect] of Object.entries(LIBRARIES)) {
  test(`${library}: a policy counts, is told, and is asked for once`, async () => {
    const limiter = createLimiter({ client: await connect(server.port), timeoutMs });
    const asked = await server.calls('rl.policy\\|get');
    const checks = Array.from({ length: 5 }, () => ({ who, limits: 'policy api' }));
    const outcomes = await limiter.checkMany(checks);
    assert.deepEqual(outcomes.map(policy), Array(5).fill(API));
    assert.equal(outcomes[4].remaining, 15);
    assert.equal((await server.calls('rl.policy\\|get')) - asked, 1);
    assert.equal((await server.calls('rl.limit')) > 0, true);
    const mixed = await limiter.check(who, '100/day; Policy team:a', { name: 'mix' });
    assert.equal(policy(mixed), '"mix-day";q=100;w=86400, "team_a";q=5;w=60');
    const typed = await limiter.peek(who, [Limit.policy('team:a')], { name: 'mix' });
    assert.deepEqual([policy(typed), typed.remaining], ['"team_a";q=5;w=60', 4]);
  });
}

test('a change is in force at once, and in headers within a second', async () => {
  const client = await LIBRARIES['ioredis 6'](server.port);
  const limiter = createLimiter({ client, timeoutMs });
  const check = () => limiter.check(who, 'policy team:a');
  await check();
  await server.command('RL.POLICY', 'SET', 'team:a', 'FIXED', 7, '1m');
  const changed = await check();
  assert.equal(changed.decisions[0].limit, 7);
  assert.match(policy(changed), /^"team_a";q=7(;w=60)?$/);
  await server.command('RL.POLICY', 'SET', 'team:a', 'FIXED', 7, '1h');
  await sleep(1_000);
  assert.equal(policy(await check()), '"team_a";q=7;w=3600');
  await server.command('RL.POLICY', 'SET', 'team:a', 'FIXED', 7, '1h', 'FIXED', 9, '1d');
  assert.equal(policy(await check()), '"team_a-1";q=7, "team_a-2";q=9');
  await sleep(1_000);
  assert.equal(policy(await check()), '"team_a-hour";q=7;w=3600, "team_a-day";q=9;w=86400');
});

test('a policy is asked for at most once a second, and is while it is in use', () => {
  const clock = { now: 0 };
  const book = new PolicyBook(
    () => undefined,
    () => clock.now,
  );
  const set = limitSetOf('policy api');
  const asked = [];
  const get = async (name) => void asked.push([name, clock.now]);
  return (async () => {
    for (const now of [0, 1, 999, 1000, 1999, 2000, 9000]) {
      clock.now = now;
      await book.refresh(set, get);
    }
    assert.deepEqual(
      asked.map(([, at]) => at),
      [0, 1000, 2000, 9000],
    );
  })();
});

test('an unknown policy is 503 in every mode, and named', async () => {
  const logger = memory();
  const client = await LIBRARIES['ioredis 6'](server.port);
  const limiter = createLimiter({ client, logger, onError: 'open', timeoutMs });
  const app = express();
  app.get('/', rateLimit(limiter, { limits: 'policy nope' }), (_req, res) => res.end());
  app.get('/api', rateLimit(limiter, { limits: 'policy api' }), (_req, res) => res.end());
  const url = await listen(app);
  for (let times = 0; times < 3; times++) assert.equal((await ask(url, '/')).status, 503);
  assert.equal(logger.lines.length, 1);
  assert.match(logger.lines[0], /there is no policy 'nope'.*RL\.POLICY SET/);
  const api = await ask(url, '/api');
  assert.deepEqual([api.status, api.headers['ratelimit-policy']], [200, API]);
});

test('a user who may not ask for policies is told the command', async () => {
  await server.command(
    'ACL',
    'SETUSER',
    'half',
    'on',
    '>pw',
    '~*',
    '-@all',
    '+rl.limit',
    '+info',
    '+hello',
    '+client',
  );
  const url = `redis://half:pw@127.0.0.1:${server.port}`;
  const client = await LIBRARIES['node-redis 6'](server.port, { url });
  const limiter = createLimiter({ client, logger: memory(), onError: 'open', timeoutMs });
  for (let times = 0; times < 2; times++) {
    await assert.rejects(limiter.check(who, 'policy api'), (error) => {
      assert.ok(error instanceof StoreMisconfigured);
      return /rl\.policy.*\+rl\.policy\|get/s.test(error.message);
    });
  }
  assert.equal((await limiter.check(who, '5/minute')).source, 'server');
});

test('two limits of one request that a policy stands for have a budget each', async () => {
  const client = await LIBRARIES['ioredis 6'](server.port);
  const limiter = createLimiter({ client, timeoutMs });
  await limiter.check(who, 'policy team:a');
  const app = express();
  const limited = (limits) => rateLimit(limiter, { limits });
  app.use(limited('policy team:a'), limited('9/minute'), limited('policy team:a'));
  app.use((_req, res) => res.end());
  const { headers } = await ask(await listen(app), '/');
  assert.deepEqual(headers.ratelimit.match(/r=\d/g), ['r=4', 'r=8', 'r=4']);
});

test('in a cluster the node that has the key is asked', async () => {
  const nodes = await startCluster();
  for (const node of nodes) await node.command('RL.POLICY', 'SET', 'api', 'FIXED', 5, '1m');
  for (const [library, connect] of Object.entries(CLUSTERS)) {
    const limiter = createLimiter({
      client: await connect(nodes[0].port),
      prefix: library,
      timeoutMs: 5_000,
    });
    const checks = [1, 2, 3, 4, 5, 6].map((id) => ({
      who: Subject.user(id),
      limits: 'policy api',
    }));
    for (const outcome of await limiter.checkMany(checks)) {
      assert.equal(policy(outcome), '"api";q=5;w=60', library);
    }
  }
});
