// The plugin, in Fastify 5.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import Fastify from 'fastify';
import { ConfigurationError, Subject } from 'redis-rl';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { LIBRARIES } from '../support/clients.mjs';
import { atEnd } from '../support/closing.mjs';
import { eventually } from '../support/eventually.mjs';
import { ask, untimed } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { memory } from '../support/quiet.mjs';
import { NOBODYS_PORT, Server } from '../support/servers.mjs';

let server;
let client;
before(async () => {
  server = await Server.start();
  client = await LIBRARIES['node-redis 6'](server.port);
});
beforeEach(() => server.command('FLUSHALL'));

const JSON_BODY = { 'content-type': 'application/json' };
const ok = async () => ({ ok: true });
const keys = async () => (await server.command('KEYS', '*')).sort().map(decodeURIComponent);

/** An app with the plugin, and its base URL once `routes` has added what it wants. */
async function app(options, routes, fastifyOptions = {}) {
  const fastify = Fastify({ forceCloseConnections: true, ...fastifyOptions });
  atEnd(() => fastify.close());
  await fastify.register(fastifyRateLimit, { limiter: patient({ client }), ...options });
  await routes(fastify);
  return fastify.listen({ port: 0, host: '127.0.0.1' });
}

test('tells the limit of every answer, and refuses with a problem', async () => {
  const url = await app({}, (fastify) => {
    const rl = { name: 'login', limits: '2/minute' };
    fastify.get('/login', { config: { rl } }, async (request) => request.rateLimit);
    fastify.get('/free', async (request) => ({ limited: request.rateLimit }));
  });
  const first = await ask(url, '/login');
  assert.equal(first.headers['ratelimit-policy'], '"login";q=2;w=60');
  assert.equal(first.headers.ratelimit, '"login";r=1;t=60');
  assert.equal(first.json().requestsLeft, 1);
  await ask(url, '/login');
  const denied = await ask(url, '/login');
  assert.equal(denied.status, 429);
  const { 'retry-after': wait, ratelimit } = denied.headers;
  assert.equal(ratelimit, `"login";r=0;t=${wait}`);
  assert.equal(denied.headers['cache-control'], 'no-store');
  assert.equal(denied.headers['content-type'], 'application/problem+json');
  assert.deepEqual(denied.json()['violated-policies'], ['login']);
  assert.equal(denied.json().detail, `Rate limit exceeded, retry in ${wait} s`);
  const free = await ask(url, '/free');
  assert.deepEqual([free.json(), free.headers.ratelimit], [{ limited: null }, undefined]);
  assert.deepEqual(await keys(), ['rl:login:ip:127.0.0.1']);
});

test('takes the template for the scope, however the path is written', async () => {
  const routes = (fastify) => {
    const config = { rl: { limits: '9/minute' } };
    fastify.get('/items/:id', { config }, ok);
    fastify.register(
      async (inner) => {
        inner.get('/:page', { config: { rl: { limits: '9/minute' } } }, ok);
      },
      { prefix: '/users/:user' },
    );
  };
  const router = { routerOptions: { ignoreTrailingSlash: true, caseSensitive: false } };
  const url = await app({}, routes, router);
  for (const path of ['/items/1', '/items/2/', '/ITEMS/3', '/items/%34?x', '/users/1/2']) {
    assert.equal((await ask(url, path)).status, 200, path);
  }
  const head = await ask(url, '/items/1', { method: 'HEAD' });
  assert.equal(untimed(head), '"9-per-60s";r=4');
  assert.deepEqual(await keys(), [
    'rl:GET /items/{id}:ip:127.0.0.1',
    'rl:GET /users/{user}/{page}:ip:127.0.0.1',
  ]);
});

test('limits all routes together, but for those with limits of their own, and none', async () => {
  const url = await app({ limits: '3/minute' }, (fastify) => {
    fastify.get('/a', ok);
    fastify.get('/own', { config: { rl: { name: 'own', limits: '5/hour' } } }, ok);
    fastify.get('/health', { config: { rl: false } }, ok);
    fastify.options('/a', ok);
  });
  await ask(url, '/a');
  assert.equal(untimed(await ask(url, '/nowhere')), '"3-per-60s";r=1');
  assert.equal((await ask(url, '/own')).headers['ratelimit-policy'], '"own";q=5;w=3600');
  const calls = await server.calls();
  assert.equal((await ask(url, '/health')).headers.ratelimit, undefined);
  assert.equal(await server.calls(), calls);
  assert.equal(untimed(await ask(url, '/a', { method: 'OPTIONS' })), '"3-per-60s";r=2');
  assert.deepEqual(await keys(), [
    'rl:OPTIONS app:ip:127.0.0.1',
    'rl:app:ip:127.0.0.1',
    'rl:own:ip:127.0.0.1',
  ]);
});

test('leaves requests alone that no route is found for, if asked to', async () => {
  const url = await app({ limits: '1/minute', coverNotFound: false }, (fastify) => {
    fastify.get('/a', ok);
  });
  for (let times = 0; times < 3; times++) assert.equal((await ask(url, '/no')).status, 404);
  assert.equal((await ask(url, '/a')).status, 200);
});

test('limits a route by a hook, which may know the user', async () => {
  const url = await app({}, (fastify) => {
    fastify.decorateRequest('user', null);
    fastify.addHook('onRequest', async (request) => {
      request.user = request.headers.user;
    });
    const preHandler = fastify.rl({
      name: 'search',
      key: async (request) => (request.user ? Subject.user(request.user, { tier: 'paid' }) : null),
      limits: (_request, who) => (who.id === 'staff' ? null : '20/second'),
      cost: (request) => Number(request.query.cost ?? 1),
    });
    fastify.get('/search', { preHandler }, async (request) => ({
      left: request.rateLimit?.remaining,
    }));
  });
  const as = (user, path = '/search') => ask(url, path, { headers: { user } });
  assert.deepEqual((await as('ann', '/search?cost=5')).json(), { left: 15 });
  assert.deepEqual((await as('staff')).json(), {});
  assert.deepEqual((await ask(url, '/search')).json(), {});
  assert.equal((await as('ann', '/search?cost=x')).status, 500);
  assert.deepEqual(await keys(), ['rl:search:user:ann']);
});

test('tells it also of streams, errors, hijacked replies, and beside what the app says', async () => {
  const url = await app({ limits: '9/minute', name: 'n' }, (fastify) => {
    fastify.get('/stream', async (_request, reply) => {
      const { Readable } = await import('node:stream');
      return reply.send(Readable.from(['a\n', 'b\n']));
    });
    fastify.get('/boom', async () => {
      throw new Error('boom');
    });
    fastify.get('/hijack', (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'X-Own': 'kept' }).end('raw');
    });
    fastify.get('/set', async (_request, reply) => {
      reply.header('RateLimit', '"other";r=1').header('X-Own', 'kept');
      return 'x';
    });
  });
  const stream = await ask(url, '/stream');
  assert.deepEqual([stream.body, untimed(stream)], ['a\nb\n', '"n";r=8']);
  const boom = await ask(url, '/boom');
  assert.deepEqual([boom.status, untimed(boom)], [500, '"n";r=7']);
  const raw = await ask(url, '/hijack');
  assert.deepEqual([untimed(raw), raw.headers['x-own']], ['"n";r=6', 'kept']);
  const set = await ask(url, '/set');
  assert.equal(untimed(set), '"other";r=1, "n";r=5');
  assert.equal(set.headers['x-own'], 'kept');
});

test('tells it below an instance: hijacked, not found, and a Response', async () => {
  const limiter = patient({ client, legacy: 'delta' });
  const fastify = Fastify({ forceCloseConnections: true });
  atEnd(() => fastify.close());
  await fastify.register(async (inner) => {
    await inner.register(fastifyRateLimit, { limiter, limits: '9/minute', name: 'n' });
    inner.get('/hijack', (_request, reply) => {
      assert.equal(reply.hijack(), reply);
      reply.raw.end('raw');
    });
    inner.get('/missing', (_request, reply) => {
      reply.callNotFound();
    });
    inner.get('/response', async () => {
      return new Response('x', { headers: { RateLimit: '"other";r=1', 'X-Own': 'kept' } });
    });
    await inner.register(async (deeper) => deeper.get('/deeper', ok));
  });
  const url = await fastify.listen({ port: 0, host: '127.0.0.1' });
  const answers = [];
  for (const path of ['/hijack', '/missing', '/response', '/deeper', '/nowhere']) {
    const answer = await ask(url, path);
    const left = answer.headers['x-ratelimit-remaining'];
    answers.push([answer.status, answer.headers.ratelimit && untimed(answer), left]);
    assert.equal(answer.headers['x-own'], path === '/response' ? 'kept' : undefined);
  }
  assert.deepEqual(answers, [
    [200, '"n";r=8', '8'],
    [404, '"n";r=7', '7'],
    [200, '"other";r=1, "n";r=6', '6'],
    [200, '"n";r=5', '5'],
    [404, undefined, undefined],
  ]);
});

test('tells all limits of a request, and once, though a later hook fails', async () => {
  const url = await app({}, (fastify) => {
    const rl = { limits: '9/minute', name: 'first' };
    const preHandler = fastify.rl({ limits: '1/minute', name: 'second' });
    const onSend = async (_request, reply) => {
      if (reply.statusCode === 200) throw new Error('boom');
    };
    fastify.get('/', { config: { rl }, preHandler, onSend }, async (_request, reply) => {
      reply.raw.setHeader('RateLimit-Policy', '"other";q=1');
      return 'x';
    });
  });
  const boom = await ask(url, '/');
  assert.deepEqual([boom.status, untimed(boom)], [500, '"first";r=8, "second";r=0']);
  const policies = '"first";q=9;w=60, "second";q=1;w=60';
  assert.equal(boom.headers['ratelimit-policy'], `"other";q=1, ${policies}`);
  const denied = await ask(url, '/');
  assert.deepEqual([denied.status, untimed(denied)], [429, '"second";r=0']);
  assert.equal(denied.headers['ratelimit-policy'], policies);
});

test('answers 503 or serves when the store is gone, as each route wants', async () => {
  const nobody = await LIBRARIES['ioredis 6'](NOBODYS_PORT, { retryStrategy: null });
  const limiter = patient({ client: nobody, logger: memory() });
  const url = await app({ limiter, onError: 'open' }, (fastify) => {
    const limits = '5/minute';
    fastify.get('/open', { config: { rl: { limits } } }, async (request) => request.rateLimit);
    fastify.get('/closed', { config: { rl: { limits, onError: 'closed' } } }, ok);
  });
  const closed = await ask(url, '/closed');
  assert.equal(closed.status, 503);
  assert.equal(closed.headers['retry-after'], '1');
  assert.equal(closed.headers['content-type'], 'application/problem+json');
  assert.equal(closed.json().detail, 'Rate limiter unavailable');
  const open = await ask(url, '/open');
  assert.deepEqual([open.status, open.json().source], [200, 'failed_open']);
  assert.equal(open.headers.ratelimit, undefined);
});

test('holds requests as LEAKY asks, unless their clients leave', async () => {
  let served = 0;
  const url = await app({}, (fastify) => {
    const hold = (limits, name) => ({ config: { rl: { limits, name, wait: true } } });
    fastify.get('/slow', hold('leaky 4/second burst 10', 'slow'), ok);
    fastify.get('/slower', hold('leaky 1/3 seconds burst 10', 'slower'), async () => {
      served += 1;
      return 'x';
    });
  });
  const start = performance.now();
  await Promise.all([ask(url, '/slow'), ask(url, '/slow')]);
  assert.ok(performance.now() - start > 240);
  assert.equal((await ask(url, '/slower')).status, 200);
  const calls = await server.calls();
  const leaving = new AbortController();
  const left = fetch(`${url}/slower`, { signal: leaving.signal });
  await eventually(async () => (await server.calls()) > calls);
  leaving.abort();
  await assert.rejects(left, { name: 'AbortError' });
  await ask(url, '/slower'); // comes after its turn
  assert.equal(served, 2);
});

test('can be answered otherwise', async () => {
  const handler = (_request, reply, { tightest }) =>
    reply.code(420).send({ calm: tightest.policy });
  const url = await app({ limits: '0/minute', name: 'no', handler }, (fastify) => {
    fastify.get('/', ok);
  });
  const own = await ask(url, '/');
  assert.deepEqual([own.status, own.json()], [420, { calm: 'no' }]);
  assert.equal(own.headers.ratelimit, '"no";r=0');
});

test('sends what a handler returns, and hands on what it throws', async () => {
  const limits = '0/minute';
  const url = await app({}, (fastify) => {
    const returns = async (_request, reply) => {
      reply.code(420);
      return { calm: true };
    };
    const throws = () => {
      throw new Error('on purpose');
    };
    fastify.get('/returns', { config: { rl: { limits, handler: returns } } }, ok);
    fastify.get('/throws', { config: { rl: { limits, handler: throws } } }, ok);
  });
  const returned = await ask(url, '/returns');
  assert.deepEqual([returned.status, returned.json()], [420, { calm: true }]);
  assert.match(returned.headers.ratelimit, /r=0/);
  const thrown = await ask(url, '/throws');
  assert.deepEqual([thrown.status, thrown.json().message], [500, 'on purpose']);
});

for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler']) {
  test(`checks at ${hook}, of the app and of a route`, async () => {
    const url = await app({ hook, limits: '1/minute', name: 'app' }, (fastify) => {
      const route = { config: { rl: false }, [hook]: fastify.rl({ limits: '1/minute' }) };
      fastify.post('/app', async (request) => request.body);
      fastify.post('/route', route, async (request) => request.body);
    });
    for (const path of ['/app', '/route']) {
      const post = () => ask(url, path, { method: 'POST', send: '"text"', headers: JSON_BODY });
      const first = await post();
      assert.deepEqual([first.status, first.body], [200, 'text']);
      assert.equal((await post()).status, 429);
    }
  });
}

test('a wrong limit refuses the route, and a route added too early is limited all the same', async () => {
  const fastify = Fastify();
  atEnd(() => fastify.close());
  fastify.register(fastifyRateLimit, { limiter: patient({ client }) });
  fastify.get('/early', { config: { rl: { limits: '1/minute' } } }, ok);
  await fastify.after();
  const wrong = { config: { rl: { limits: '1/minuet' } } };
  assert.throws(() => fastify.get('/wrong', wrong, ok), ConfigurationError);
  assert.throws(() => fastify.rl({ limits: '5/minute', name: 'é' }), ConfigurationError);
  const answers = [];
  for (let times = 0; times < 2; times++) {
    const { statusCode, headers } = await fastify.inject('/early');
    answers.push([statusCode, headers['ratelimit-policy']]);
  }
  const policy = '"1-per-60s";q=1;w=60';
  assert.deepEqual(answers, [
    [200, policy],
    [429, policy],
  ]);
});
