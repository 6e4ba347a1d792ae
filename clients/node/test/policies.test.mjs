// Policies that the server keeps, over each library, and in a cluster.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import express from 'express';
import { fieldsOf, Limit, StoreMisconfigured, Subject } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { PolicyBook } from '../dist/esm/limits/policy-book.js';
import { limitSetOf } from '../dist/esm/limits/limit-set.js';
import { CLUSTERS, LIBRARIES } from './support/clients.mjs';
import { eventually } from './support/eventually.mjs';
import { ask, listen } from './support/http.mjs';
import { patient } from './support/limiters.mjs';
import { assertRare, memory } from './support/quiet.mjs';
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

for (const [library, connect] of Object.entries(LIBRARIES)) {
  test(`${library}: a policy counts, is told, and is asked for once`, async () => {
    const limiter = patient({ client: await connect(server.port) });
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
  const limiter = patient({ client });
  const check = () => limiter.check(who, 'policy team:a');
  await check();
  await server.command('RL.POLICY', 'SET', 'team:a', 'FIXED', 7, '1m');
  const changed = await check();
  assert.equal(changed.decisions[0].limit, 7);
  assert.match(policy(changed), /^"team_a";q=7(;w=60)?$/);
  await server.command('RL.POLICY', 'SET', 'team:a', 'FIXED', 7, '1h');
  await eventually(async () => policy(await check()) === '"team_a";q=7;w=3600');
  await server.command('RL.POLICY', 'SET', 'team:a', 'FIXED', 70, '1h', 'FIXED', 90, '1d');
  const known = '"team_a-hour";q=70;w=3600, "team_a-day";q=90;w=86400';
  // At first without what no reply tells, unless a second has passed.
  assert.ok([known, '"team_a-1";q=70, "team_a-2";q=90'].includes(policy(await check())));
  await eventually(async () => policy(await check()) === known);
});

test('what is not known of a policy is left out', () => {
  const set = limitSetOf('policy team:a');
  const book = new PolicyBook(() => undefined);
  const told = (...quotas) =>
    book.labelsOf(set, quotas).labels.map(({ name, window }) => [name, window]);
  assert.deepEqual(told(7), [['team_a', null]]);
  book.learn(set.policies[0], ['FIXED 7 1h']);
  assert.deepEqual(told(7), [['team_a', 3600]]);
  assert.deepEqual(told(8), [['team_a', null]]);
  assert.deepEqual(told(7, 9), [
    ['team_a-1', null],
    ['team_a-2', null],
  ]);
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
  const limiter = patient({ client, logger, onError: 'open' });
  const app = express();
  app.get('/', rateLimit(limiter, { limits: 'policy nope' }), (_req, res) => res.end());
  app.get('/api', rateLimit(limiter, { limits: 'policy api' }), (_req, res) => res.end());
  const url = await listen(app);
  for (let times = 0; times < 3; times++) assert.equal((await ask(url, '/')).status, 503);
  assertRare(logger);
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
  const limiter = patient({ client, logger: memory(), onError: 'open' });
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
  const limiter = patient({ client });
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
    const limiter = patient({ client: await connect(nodes[0].port), prefix: library });
    const checks = [1, 2, 3, 4, 5, 6].map((id) => ({
      who: Subject.user(id),
      limits: 'policy api',
    }));
    for (const outcome of await limiter.checkMany(checks)) {
      assert.equal(policy(outcome), '"api";q=5;w=60', library);
    }
  }
});
