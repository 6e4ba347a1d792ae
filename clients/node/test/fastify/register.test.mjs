// How the plugin is registered: what is wrong is refused there, and several times is no mistake.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import Fastify from 'fastify';
import { ConfigurationError } from 'redis-rl';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { LIBRARIES } from '../support/clients.mjs';
import { atEnd } from '../support/closing.mjs';
import { patient } from '../support/limiters.mjs';
import { memory } from '../support/quiet.mjs';
import { Server } from '../support/servers.mjs';

let server;
let limiter;
before(async () => {
  server = await Server.start();
  const client = await LIBRARIES['ioredis 6'](server.port);
  limiter = patient({ client, logger: memory() });
});
beforeEach(() => server.command('FLUSHALL'));

const ok = async () => ({ ok: true });
const limits = '9/minute';

function app() {
  const fastify = Fastify();
  atEnd(() => fastify.close());
  return fastify;
}

const REFUSED = [
  [{ max: 100, timeWindow: '1 minute' }, /fastifyRateLimit has no option max: use limits/],
  [{ limit: '5/minute' }, /no option limit: use limits/],
  [{ limits, allowList: [] }, /allowList: use exempt/],
  [{ limits, skipOnError: true }, /skipOnError: use onError: 'open'/],
  [{ limits, keyGenerator: () => 'x' }, /keyGenerator: use key/],
  [{ limits, groupId: 'x' }, /groupId: use name/],
  [{ limits, timeoutMs: 5 }, /timeoutMs: use timeoutMs of createLimiter/],
  [{ limit_s: '5/minute' }, /limit_s: use limits/],
  [{ limits, coverNotfound: true }, /coverNotfound: use coverNotFound/],
  [{ limits, nonsense: 1 }, /nonsense: its options are limits, key/],
  [{ limits: '5/minuet' }, /period must be .*not 'minuet', in '5\/minuet'/],
  [{ limits: 5 }, /a limit must be text or a Limit, not 5/],
  [{ name: 'all' }, /limits must be given with name/],
  [{ limits, hook: 'onSend' }, /hook must be one of onRequest/],
  [{ limits, methods: 'POST' }, /methods: \['POST'\]/],
  [{ methods: 'POST' }, /methods: \['POST'\]/],
  [{ onError: 'ajar' }, /onError must be/],
  [{ limits, key: 'ip' }, /key must be a function/],
  [{ limits, limiter: undefined }, /limiter must be made by createLimiter, not undefined/],
  [{ limits, limiter: {} }, /not of type object/],
];

test('wrong options reject register()', async () => {
  for (const [options, message] of REFUSED) {
    const fastify = app();
    const registered = (async () => fastify.register(fastifyRateLimit, { limiter, ...options }))();
    await assert.rejects(registered, (error) => {
      assert.ok(error instanceof ConfigurationError, error.message);
      assert.match(error.message, message);
      return true;
    });
  }
  const late = app();
  late.register(fastifyRateLimit, { limiter, max: 5 });
  await assert.rejects(async () => late.ready(), /has no option max/);
});

test('wrong options of a route are refused where they are written', async () => {
  const fastify = app();
  await fastify.register(fastifyRateLimit, { limiter });
  const wrong = [
    [{ rl: { limit: '5/minute' } }, /no option limit: use limits/],
    [{ rl: { max: 5 } }, /no option max/],
    [{ rl: { limits, hook: 'onRequest' } }, /hook of fastifyRateLimit/],
    [{ rl: {} }, /limits must be given/],
    [{ rl: true }, /config\.rl must be options/],
    [{ rl: '5/minute' }, /config\.rl must be options/],
    [{ rl: null }, /config\.rl must be options/],
    [
      { rl: { subjects: { user: '5/minute' } } },
      /options of a subject of limitAll must be an object/,
    ],
    [{ rl: { subjects: {}, limits } }, /limitAll has no option limits/],
    [{ rl: { concurrency: '3' } }, /limit must be an integer/],
    [{ rl: { concurrency: 3, cost: 2 } }, /concurrency has no option cost/],
    [{ rateLimit: { max: 5, timeWindow: '1 minute' } }, /must be in config\.rl/],
  ];
  for (const [at, [config, message]] of wrong.entries()) {
    assert.throws(() => fastify.get(`/${at}`, { config }, ok), message);
  }
  assert.throws(() => fastify.rl({ windowMs: 5 }), /windowMs: use limits/);
});

test('a route that was added too early is never served without its limit', async () => {
  const fastify = app();
  fastify.register(fastifyRateLimit, { limiter });
  fastify.get('/wrong', { config: { rl: { limit: '5/minute' } } }, ok);
  assert.equal((await fastify.inject('/wrong')).statusCode, 500);
});

test('config.rateLimit is of @fastify/rate-limit where that is there', async () => {
  const fastify = app();
  fastify.decorate('rateLimit', () => {});
  await fastify.register(fastifyRateLimit, { limiter });
  fastify.get('/', { config: { rateLimit: { max: 5 } } }, ok);
  assert.equal((await fastify.inject('/')).statusCode, 200);
});

const told = async (fastify, url) => (await fastify.inject(url)).headers['ratelimit-policy'];

test('registered twice, both limits apply, and the last says what routes inherit', async () => {
  const fastify = app();
  await fastify.register(fastifyRateLimit, { limiter, limits: '9/minute' });
  await fastify.register(fastifyRateLimit, { limiter, limits: '8/minute', methods: ['GET'] });
  fastify.get('/', ok);
  fastify.get('/own', { config: { rl: { limits: '7/minute', name: 'own' } } }, ok);
  fastify.get('/rl', { config: { rl: false }, preHandler: fastify.rl({ limits: '6/minute' }) }, ok);
  assert.equal(await told(fastify, '/'), '"9-per-60s";q=9;w=60, "8-per-60s";q=8;w=60');
  assert.equal(await told(fastify, '/own'), '"own";q=7;w=60');
  assert.equal(await told(fastify, '/rl'), '"6-per-60s";q=6;w=60');
  const keys = (await server.command('KEYS', '*')).sort().map(decodeURIComponent);
  assert.deepEqual(keys, [
    'rl:GET /rl:ip:127.0.0.1',
    'rl:app#2:ip:127.0.0.1',
    'rl:app:ip:127.0.0.1',
    'rl:own:ip:127.0.0.1',
  ]);
});

test('registered within and around, each for its own, and config.rl takes the nearest', async () => {
  const fastify = app();
  const key = (name) => () => name;
  await fastify.register(fastifyRateLimit, { limiter, limits, name: 'around', key: key('a') });
  for (const name of ['one', 'two']) {
    await fastify.register(async (inner) => {
      await inner.register(fastifyRateLimit, { limiter, limits: '5/hour', name, key: key(name) });
      inner.get(`/${name}`, ok);
      inner.get(`/${name}/own`, { config: { rl: { limits, name: `${name}-own` } } }, ok);
    });
  }
  fastify.get('/out', ok);
  assert.equal(await told(fastify, '/one'), '"around";q=9;w=60, "one";q=5;w=3600');
  assert.equal(await told(fastify, '/two'), '"around";q=9;w=60, "two";q=5;w=3600');
  assert.equal(await told(fastify, '/out'), '"around";q=9;w=60');
  assert.equal(await told(fastify, '/two/own'), '"two-own";q=9;w=60');
  assert.deepEqual((await server.command('KEYS', '*own*')).sort(), ['rl:two-own:user:two']);
});

test('config.rl of every kind has the defaults of the plugin', async () => {
  const fastify = app();
  const defaults = { key: () => 'ann', methods: ['GET'], retry: true };
  const handler = (_request, reply) => reply.code(420).send('calm');
  await fastify.register(fastifyRateLimit, { limiter, ...defaults, handler });
  const subjects = { user: { limits: '0/minute', key: () => 'bob' } };
  const configs = {
    limit: { limits: '0/minute', name: 'x' },
    all: { subjects },
    places: { concurrency: 0, name: 'y' },
  };
  for (const [url, rl] of Object.entries(configs)) {
    fastify.route({ method: ['GET', 'POST'], url: `/${url}`, config: { rl }, handler: ok });
  }
  for (const url of Object.keys(configs)) {
    assert.equal((await fastify.inject(`/${url}`)).statusCode, 420, url);
    assert.equal((await fastify.inject({ method: 'POST', url: `/${url}` })).statusCode, 200, url);
  }
});

test('config.rl and a hook of one route have a budget each', async () => {
  const fastify = app();
  await fastify.register(fastifyRateLimit, { limiter });
  const preHandler = fastify.rl({ limits: '2/minute' });
  fastify.get(
    '/',
    { config: { rl: { limits: '100/minute' } }, preHandler: [preHandler, preHandler] },
    ok,
  );
  const statuses = [];
  for (let times = 0; times < 3; times++) statuses.push((await fastify.inject('/')).statusCode);
  assert.deepEqual(statuses, [200, 200, 429]);
  assert.deepEqual((await server.command('KEYS', '*')).sort().map(decodeURIComponent), [
    'rl:GET /#2:ip:127.0.0.1',
    'rl:GET /:ip:127.0.0.1',
  ]);
});

test('OPTIONS has a budget of its own, methods that HTTP does not define share one', async () => {
  const fastify = app();
  await fastify.register(fastifyRateLimit, { limiter });
  for (const method of ['PURGE', 'LOCK']) fastify.addHttpMethod(method);
  const methods = ['GET', 'POST', 'OPTIONS', 'PURGE', 'LOCK'];
  fastify.route({ method: methods, url: '/', config: { rl: { limits: '9/minute' } }, handler: ok });
  for (const method of [...methods, 'HEAD']) {
    assert.equal((await fastify.inject({ method, url: '/' })).statusCode, 200, method);
  }
  assert.deepEqual((await server.command('KEYS', '*')).sort().map(decodeURIComponent), [
    'rl:* /:ip:127.0.0.1',
    'rl:GET /:ip:127.0.0.1',
    'rl:OPTIONS /:ip:127.0.0.1',
    'rl:POST /:ip:127.0.0.1',
  ]);
});

test('nobody is 400 in every mode, and a tier is chosen by its name', async () => {
  const fastify = app();
  await fastify.register(fastifyRateLimit, { limiter, onError: 'open' });
  fastify.get('/', { config: { rl: { limits, key: () => '' } } }, ok);
  const limitsOf = { free: '5/minute', paid: '50/minute' };
  const key = (request, client) => client({ tier: request.query.tier });
  fastify.get('/tiers', { config: { rl: { limits: limitsOf, key } } }, ok);
  const refused = await fastify.inject('/');
  assert.equal(refused.statusCode, 400);
  assert.equal(refused.headers['cache-control'], 'no-store');
  assert.equal(refused.json().detail, 'The client cannot be identified');
  assert.equal(await told(fastify, '/tiers?tier=paid'), '"50-per-60s";q=50;w=60');
  const unknown = await fastify.inject('/tiers?tier=gold');
  assert.match(unknown.json().message, /tier must be one of free, paid, not 'gold'/);
});
