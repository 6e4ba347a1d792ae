// Several subjects of a request, all or nothing.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import express from 'express';
import Fastify from 'fastify';
import { ConfigurationError, createLimiter, fieldsOf, Subject, WholeKey } from 'redis-rl';
import { limitAll } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { CLUSTERS, LIBRARIES } from '../support/clients.mjs';
import { eventually } from '../support/eventually.mjs';
import { ask, listen, untimed } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { memory } from '../support/quiet.mjs';
import { NOBODYS_PORT, Server, startCluster } from '../support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});
beforeEach(() => server.command('FLUSHALL'));

const subjects = (user, team, cost = 1) => [
  { who: user, limits: '10/minute', name: 'user' },
  { who: Subject.of('team', team), limits: '15/minute; 100/hour', name: 'team', cost },
];

for (const [library, connect] of Object.entries(LIBRARIES)) {
  test(`${library}: all are charged, or none`, async () => {
    const limiter = patient({ client: await connect(server.port) });
    const calls = await server.calls('rl.all');
    const first = await limiter.checkAll(subjects('ann', 'red', 8));
    assert.deepEqual([first.allowed, first.remaining, first.cost], [true, 7, 9]);
    assert.deepEqual(
      first.each.map(({ key, remaining }) => [key, remaining]),
      [
        ['rl:user:user:ann', 9],
        ['rl:team:team:red', 7],
      ],
    );
    const denied = await limiter.checkAll(subjects('ann', 'red', 8));
    assert.deepEqual(
      [denied.allowed, ...denied.each.map(({ allowed }) => allowed)],
      [false, true, false],
    );
    assert.equal(
      Object.fromEntries(fieldsOf(denied)).RateLimit.replace(/;t=\d+/, ''),
      '"team-minute";r=7',
    );
    assert.equal((await limiter.peek('ann', '10/minute', { name: 'user' })).remaining, 9);
    assert.equal((await server.calls('rl.all')) - calls, 2);
  });
}

test('policies and bans of each subject are read', async () => {
  await server.command(...'RL.POLICY SET p FIXED 9 1h BAN 1 1m 5m SHADOW FIXED 1 1m'.split(' '));
  const limiter = patient({ client: await LIBRARIES['ioredis 6'](server.port) });
  const outcome = await limiter.checkAll([
    { who: 'ann', limits: 'policy p', name: 'user' },
    { who: 'red', limits: '1/minute; ban 2m after 1/m', name: 'team' },
  ]);
  assert.deepEqual(
    outcome.each.map((each) => [each.remaining, each.ban.policy]),
    [
      [8, 'p-ban'],
      [0, 'team-ban'],
    ],
  );
});

test('in a cluster all keys are in one slot, or that is said', async () => {
  const nodes = await startCluster();
  for (const [library, connect] of Object.entries(CLUSTERS)) {
    const client = await connect(nodes[0].port);
    const limiter = patient({ client, prefix: library });
    for (const slot of ['acme', 'b{}r', 'other']) {
      const outcome = await limiter.checkAll(subjects('ann', 'red'), { slot });
      const encoded = `${encodeURIComponent(library)}{${encodeURIComponent(slot)}}`;
      assert.equal(outcome.each[0].key, `${encoded}:user:user:ann`);
      assert.equal(outcome.remaining, 9);
    }
    await assert.rejects(
      limiter.checkAll(subjects('ann', 'red')),
      /slot must be given in a cluster/,
    );
    assert.throws(() => limitAll(limiter, OF_ROUTE), /slot must be given in a cluster/);
    const keys = ['{x}:a', '{x}:b'].map((key) => ({ who: new WholeKey(key), limits: '5/day' }));
    assert.equal((await limiter.checkAll(keys)).allowed, true);
  }
});

test('what is wrong is said', async () => {
  const limiter = patient({ client: await LIBRARIES['ioredis 6'](server.port) });
  const one = { who: 'ann', limits: '5/minute' };
  const many = Array.from({ length: 9 }, (_, at) => ({ ...one, name: `n${at}` }));
  const periods = Array.from({ length: 9 }, (_, at) => `5/${at + 1}s`).join(';');
  const wrong = [
    [[], /subjects of one check must be 1 to 8 in number, not 0/],
    [many, /1 to 8 in number, not 9/],
    [[one, one], /must have a key each, not 'rl:app:user:ann' twice/],
    [
      [one, { ...one, limits: periods, name: 'a' }, { ...one, limits: periods, name: 'b' }],
      /at most 16/,
    ],
    [[{ ...one, maxWait: 2 }], /a subject of checkAll has no option maxWait/],
    [[{ ...one, onError: 'open' }], /a subject of checkAll has no option onError/],
  ];
  for (const [checks, message] of wrong) {
    await assert.rejects(limiter.checkAll(checks), (error) => {
      return error instanceof ConfigurationError && message.test(error.message);
    });
  }
  assert.throws(() => limitAll(limiter, { user: '5/minute' }), ConfigurationError);
  assert.throws(() => limitAll(limiter, { user: { limits: '5/minute', name: 'x' } }), /limitAll/);
  await assert.rejects(limiter.checkAll([one], { maxWait: 0 }), /maxWait must be a number of/);
  assert.throws(() => limitAll(limiter, OF_ROUTE, { maxWait: '2' }), /maxWait must be a number of/);
  assert.throws(() => limitAll(limiter, OF_ROUTE, { slot: '' }), /slot must be text/);
  assert.throws(() => limitAll(limiter, OF_ROUTE, { slots: 'x' }), /use slot/);
});

const OF_ROUTE = {
  user: {
    limits: '3/minute',
    key: (request, client) => request.headers['x-user'] ?? client(),
  },
  team: {
    limits: '4/minute',
    key: (request) => Subject.of('team', request.params.team),
    cost: (request) => Number(request.query.cost ?? 1),
  },
};

test('a route checks them in one command, and has the outcome of each', async () => {
  const limiter = patient({ client: await LIBRARIES['ioredis 6'](server.port) });
  const app = express();
  app.get('/team/:team', limitAll(limiter, OF_ROUTE), (req, res) => {
    res.json(Object.entries(req.rateLimit.each).map(([name, { remaining }]) => [name, remaining]));
  });
  const fastify = Fastify();
  await fastify.register(fastifyRateLimit, { limiter });
  fastify.get('/team/:team', { preHandler: fastify.rl.limitAll(OF_ROUTE) }, async (request) =>
    Object.entries(request.rateLimit.each).map(([name, { remaining }]) => [name, remaining]),
  );
  const rl = { subjects: OF_ROUTE };
  fastify.get('/config/:team', { config: { rl } }, async (request) =>
    Object.entries(request.rateLimit.each).map(([name, { remaining }]) => [name, remaining]),
  );
  const other = await fastify.listen({ port: 0, host: '127.0.0.1' });
  const routes = [`${await listen(app)}/team/red`, `${other}/team/red`, `${other}/config/red`];
  for (const route of routes) {
    await server.command('FLUSHALL');
    const { origin, pathname } = new URL(route);
    const get = (user, query = '') =>
      ask(origin, `${pathname}${query}`, { headers: { 'x-user': user } });
    const first = await get('ann', '?cost=2');
    assert.deepEqual(first.json(), [
      ['user', 2],
      ['team', 2],
    ]);
    assert.equal(untimed(first), '"user";r=2, "team";r=2');
    assert.equal((await get('bob', '?cost=2')).status, 200);
    const refused = await get('ann');
    assert.equal(refused.status, 429);
    assert.deepEqual(refused.json()['violated-policies'], ['team']);
    assert.deepEqual((await server.command('KEYS', '*')).sort(), [
      'rl:team:team:red',
      'rl:user:user:ann',
      'rl:user:user:bob',
    ]);
    assert.equal((await limiter.peek('ann', '3/minute', { name: 'user' })).remaining, 2);
  }
  await fastify.close();
});

test('each estimate of a route is settled by itself', async () => {
  const limiter = patient({ client: await LIBRARIES['ioredis 6'](server.port) });
  const app = express();
  const key = () => 'ann';
  const subjects = {
    requests: { limits: '2/minute', key },
    tokens: { limits: '1000/minute', key, cost: 600 },
  };
  app.get('/', limitAll(limiter, subjects, { reserve: true }), async (req, res) => {
    res.json(await req.rateLimit.each.tokens.settle(50));
  });
  const url = await listen(app);
  const told = [];
  for (const [status, body] of [[200, true], [200, true], [429]]) {
    const answer = await ask(url, '/');
    assert.equal(answer.status, status);
    if (body !== undefined) {
      assert.equal(answer.json(), body);
      told.push(untimed(answer));
    }
  }
  const { remaining } = await limiter.peek('ann', '1000/minute', { name: 'tokens' });
  assert.equal(remaining, 900);
  assert.deepEqual(told, ['"requests";r=1, "tokens";r=950', '"requests";r=0, "tokens";r=900']);
});

test('of several subjects, too, only some answers count', async () => {
  const limiter = patient({ client: await LIBRARIES['ioredis 6'](server.port) });
  const subjects = {
    user: { limits: '3/minute', key: () => 'ann' },
    team: { limits: '7/minute', key: () => Subject.of('team', 'red'), cost: 2 },
  };
  const options = { countIf: async (answer) => answer.statusCode >= 400 };
  const app = express();
  app.get('/', limitAll(limiter, subjects, options), (req, res) =>
    res.status(Number(req.query.status)).json(req.rateLimit.each.team.remaining),
  );
  const fastify = Fastify();
  await fastify.register(fastifyRateLimit, { limiter });
  fastify.get('/', { preHandler: fastify.rl.limitAll(subjects, options) }, async (request, reply) =>
    reply.code(Number(request.query.status)).send(request.rateLimit.each.team.remaining),
  );
  const left = async () => [
    (await limiter.peek('ann', '3/minute', { name: 'user' })).remaining,
    (await limiter.peek(Subject.of('team', 'red'), '7/minute', { name: 'team' })).remaining,
  ];
  const urls = [await listen(app), await fastify.listen({ port: 0, host: '127.0.0.1' })];
  for (const [at, url] of urls.entries()) {
    await server.command('FLUSHALL');
    const good = await ask(url, '/?status=200');
    assert.deepEqual([good.status, good.json()], [200, 5]);
    // Express cannot wait for an answer that is a promise, so its headers say what is so far.
    assert.equal(untimed(good), at === 0 ? '"user";r=2, "team";r=5' : '"user";r=3, "team";r=7');
    await eventually(async () => String(await left()) === '3,7');
    const bad = await ask(url, '/?status=401');
    assert.equal(untimed(bad), '"user";r=2, "team";r=5');
    assert.deepEqual(await left(), [2, 5]);
  }
  await fastify.close();
  const both = { ...options, reserve: true };
  assert.throws(() => limitAll(limiter, subjects, both), /countIf and reserve must not be given/);
  assert.throws(() => limitAll(limiter, subjects, { countIf: 1 }), /countIf must be a function/);
});

test('without an answer the mode decides', async () => {
  const client = await LIBRARIES['ioredis 6'](NOBODYS_PORT);
  const limiter = createLimiter({ client, logger: memory(), timeoutMs: 50, onError: 'open' });
  const outcome = await limiter.checkAll(subjects('ann', 'red'));
  assert.deepEqual([outcome.source, outcome.each.length], ['failed_open', 2]);
  await assert.rejects(limiter.checkAll(subjects('ann', 'red'), { onError: 'closed' }));
  const off = createLimiter({ enabled: false });
  assert.equal((await off.checkAll(subjects('ann', 'red'))).each[1].source, 'exempt');
});
