// The middleware, in Express 4 and 5.
import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import express5 from 'express';
import express4 from 'express4';
import { Subject } from 'redis-rl';
import { problemHandler, rateLimit, sendDenied } from 'redis-rl/express';
import { LIBRARIES } from '../support/clients.mjs';
import { eventually } from '../support/eventually.mjs';
import { ask, listen, untimed } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { memory } from '../support/quiet.mjs';
import { NOBODYS_PORT, Server } from '../support/servers.mjs';

let server;
let client;
let nobody;
before(async () => {
  server = await Server.start();
  client = await LIBRARIES['ioredis 6'](server.port);
  nobody = await LIBRARIES['ioredis 6'](NOBODYS_PORT, { retryStrategy: null });
});
beforeEach(() => server.command('FLUSHALL'));

const ok = (_request, response) => response.json({ ok: true });
const keys = async () => (await server.command('KEYS', '*')).sort();

for (const [version, express] of Object.entries({ 4: express4, 5: express5 })) {
  describe(`Express ${version}`, () => {
    test('tells the limit of every answer, and refuses with a problem', async () => {
      const app = express();
      const limiter = patient({ client });
      app.get('/login', rateLimit(limiter, { limits: '2/minute', name: 'login' }), (req, res) =>
        res.json({ left: req.rateLimit.requestsLeft }),
      );
      const url = await listen(app);
      const first = await ask(url, '/login');
      assert.equal(first.headers['ratelimit-policy'], '"login";q=2;w=60');
      assert.equal(first.headers.ratelimit, '"login";r=1;t=60');
      assert.equal(first.headers['retry-after'], undefined);
      assert.deepEqual(first.json(), { left: 1 });
      await ask(url, '/login');
      const denied = await ask(url, '/login');
      assert.equal(denied.status, 429);
      const { 'retry-after': wait, ratelimit } = denied.headers;
      assert.ok(Number(wait) > 50 && Number(wait) <= 60);
      assert.equal(ratelimit, `"login";r=0;t=${wait}`);
      assert.equal(denied.headers['cache-control'], 'no-store');
      assert.equal(denied.headers['content-type'], 'application/problem+json');
      assert.deepEqual(denied.json(), {
        type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
        title: 'Quota Exceeded',
        status: 429,
        detail: `Rate limit exceeded, retry in ${wait} s`,
        'violated-policies': ['login'],
        retry_after: Number(wait),
      });
      assert.deepEqual(await keys(), ['rl:login:ip:127.0.0.1']);
    });

    test('tells it also of streams, of errors, and beside what the app says', async () => {
      const app = express();
      const limited = rateLimit(patient({ client }), { limits: '5/minute', name: 'n' });
      app.get('/stream', limited, (_req, res) => {
        res.write('a\n');
        setTimeout(() => res.end('b\n'), 5);
      });
      app.get('/boom', limited, () => {
        throw new Error('boom');
      });
      app.get('/set', limited, (_req, res) => {
        res.set('RateLimit', '"other";r=1').set('RateLimit-Policy', '"other";q=2').send('x');
      });
      app.get('/head', limited, (_req, res) => {
        res.writeHead(200, { 'ratelimit-policy': '"other";q=2', 'X-Own': 'kept' });
        res.end();
      });
      app.get('/list', limited, (_req, res) => {
        res.writeHead(200, ['RateLimit', '"other";r=1', 'X-Own', 'kept']);
        res.end();
      });
      app.use((_error, _req, res, _next) => res.status(500).send('sorry'));
      const url = await listen(app);
      const stream = await ask(url, '/stream');
      assert.deepEqual([stream.body, untimed(stream)], ['a\nb\n', '"n";r=4']);
      const boom = await ask(url, '/boom');
      assert.deepEqual([boom.status, untimed(boom)], [500, '"n";r=3']);
      const set = await ask(url, '/set');
      assert.equal(untimed(set), '"other";r=1, "n";r=2');
      assert.equal(set.headers['ratelimit-policy'], '"other";q=2, "n";q=5;w=60');
      const head = await ask(url, '/head');
      assert.equal(head.headers['ratelimit-policy'], '"other";q=2, "n";q=5;w=60');
      assert.deepEqual([untimed(head), head.headers['x-own']], ['"n";r=1', 'kept']);
      const list = await ask(url, '/list');
      assert.equal(untimed(list), '"other";r=1, "n";r=0');
      assert.equal(list.headers['x-own'], 'kept');
    });

    test('puts several limiters of one request together', async () => {
      const app = express();
      const limiter = patient({ client, legacy: 'delta' });
      app.use(rateLimit(limiter, { limits: '100/hour', name: 'all' }));
      app.get('/', rateLimit(limiter, { limits: '1/minute', name: 'one' }), ok);
      const url = await listen(app);
      const both = await ask(url, '/');
      const { headers } = both;
      assert.equal(headers['ratelimit-policy'], '"all";q=100;w=3600, "one";q=1;w=60');
      assert.equal(untimed(both), '"all";r=99, "one";r=0');
      assert.equal(headers['x-ratelimit-limit'], '1');
      const denied = await ask(url, '/');
      assert.match(denied.headers.ratelimit, /^"one";r=0;t=\d+$/);
      assert.equal(denied.headers['ratelimit-policy'], '"all";q=100;w=3600, "one";q=1;w=60');
    });

    test('limits by tier, by account, and not at all', async () => {
      const app = express();
      const limiter = patient({ client });
      const limited = rateLimit(limiter, {
        name: 'api',
        key: async (req) => {
          const name = req.get('authorization');
          if (name === 'root') return null;
          return name ? Subject.user(name, { tier: 'paid' }) : Subject.ip(req.ip);
        },
        limits: (_req, who) => {
          if (who.id === 'staff') return null;
          return who.tier === 'paid' ? '1000/minute; 20/second' : '100/minute';
        },
        cost: (req) => Number(req.query.cost ?? 1),
      });
      app.get('/', limited, (req, res) => res.json(req.rateLimit));
      const url = await listen(app);
      const as = (authorization, path = '/') => ask(url, path, { headers: { authorization } });
      assert.equal((await ask(url, '/?cost=7')).json().remaining, 93);
      const paid = await as('ann');
      assert.equal(
        paid.headers['ratelimit-policy'],
        '"api-minute";q=1000;w=60, "api-second";q=20;w=1',
      );
      assert.equal(paid.json().remaining, 19);
      for (const exempt of ['root', 'staff']) {
        const answer = await as(exempt);
        assert.deepEqual([answer.json(), answer.headers.ratelimit], [null, undefined]);
      }
      const calls = await server.calls();
      assert.equal((await ask(url, '/?cost=x')).status, 500);
      const never = await ask(url, '/?cost=101');
      assert.equal(never.status, 429);
      assert.equal(never.headers['retry-after'], undefined);
      assert.equal(never.headers.ratelimit, '"api";r=93');
      assert.match(never.json().detail, /cost of this request is above the limit/);
      assert.equal(await server.calls(), calls + 1);
    });

    test('lets errors of its functions through', async () => {
      const app = express();
      const limiter = patient({ client, onError: 'open' });
      const fails = () => {
        throw Object.assign(new Error('no such user'), { status: 418 });
      };
      const given = { limits: '5/minute', key: () => Subject.user(1), cost: 1 };
      for (const name of ['limits', 'key', 'cost']) {
        app.get(`/${name}`, rateLimit(limiter, { ...given, [name]: fails }), ok);
        app.get(
          `/async-${name}`,
          rateLimit(limiter, { ...given, [name]: async () => fails() }),
          ok,
        );
      }
      app.use((error, _req, res, _next) => res.status(error.status).send(error.message));
      const url = await listen(app);
      for (const path of [
        '/limits',
        '/key',
        '/cost',
        '/async-limits',
        '/async-key',
        '/async-cost',
      ]) {
        assert.equal((await ask(url, path)).status, 418, path);
      }
      assert.deepEqual(await keys(), []);
    });

    test('answers 503 or serves when the store is gone, as each route wants', async () => {
      const app = express();
      const limiter = patient({ client: nobody, logger: memory() });
      const limits = '5/minute';
      app.get('/closed', rateLimit(limiter, { limits }), ok);
      app.get('/open', rateLimit(limiter, { limits, onError: 'open' }), (req, res) =>
        res.json(req.rateLimit),
      );
      app.get('/own', async (_req, res, next) => {
        limiter.check('k', limits).then(() => res.send('x'), next);
      });
      app.use(problemHandler());
      const url = await listen(app);
      for (const path of ['/closed', '/own']) {
        const closed = await ask(url, path);
        assert.equal(closed.status, 503);
        assert.equal(closed.headers['retry-after'], '1');
        assert.equal(closed.headers['content-type'], 'application/problem+json');
        assert.deepEqual(closed.json(), {
          type: 'about:blank',
          title: 'Service Unavailable',
          status: 503,
          detail: 'Rate limiter unavailable',
        });
      }
      const open = await ask(url, '/open');
      assert.equal(open.status, 200);
      assert.equal(open.json().source, 'failed_open');
      const named = Object.keys(open.headers).filter((name) => /ratelimit|retry/.test(name));
      assert.deepEqual(named, []);
    });

    test('believes proxies that it is told of, and warns of trusting everybody', async () => {
      const logger = memory();
      const app = express();
      app.set('trust proxy', true);
      const ours = patient({ client, logger, trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] });
      app.get('/ours', rateLimit(ours, { limits: '9/minute', name: 'ours' }), ok);
      app.get(
        '/theirs',
        rateLimit(patient({ client, logger }), { limits: '9/minute', name: 'theirs' }),
        ok,
      );
      const url = await listen(app);
      const from = (path, forwarded) =>
        ask(url, path, { headers: { 'x-forwarded-for': forwarded } });
      await from('/ours', '6.6.6.6, 2001:db8::1, 10.0.0.1');
      app.get(
        '/own',
        rateLimit(ours, {
          limits: (_req, { tier }) => (tier === 'guest' ? '9/minute' : '1/day'),
          name: 'own',
          key: (_req, client) => client({ tier: 'guest' }),
        }),
        ok,
      );
      const own = await from('/own', '6.6.6.6, 192.0.2.9, 10.0.0.1');
      assert.equal(own.headers['ratelimit-policy'], '"own";q=9;w=60');
      await from('/ours', ['6.6.6.6', '2001:db8:0:0:1::2, 10.0.0.1']);
      assert.deepEqual(logger.lines, []);
      await from('/theirs', '6.6.6.6');
      await from('/theirs', '6.6.6.6');
      assert.equal(logger.lines.length, 1);
      assert.match(logger.lines[0], /trust proxy/);
      assert.deepEqual((await keys()).map(decodeURIComponent), [
        'rl:ours:ip:2001:db8::/64',
        'rl:own:ip:192.0.2.9',
        'rl:theirs:ip:6.6.6.6',
      ]);
    });

    test('holds requests as LEAKY asks, unless their clients leave', async () => {
      const app = express();
      const limiter = patient({ client });
      const limits = 'leaky 4/second burst 10';
      const served = (_req, res) => res.send('x');
      app.get('/slow', rateLimit(limiter, { limits, name: 'slow', wait: true }), served);
      const slower = { limits: 'leaky 1/3 seconds burst 10', name: 'slower' };
      let left = 0;
      app.get('/slower', rateLimit(limiter, { ...slower, wait: true }), (_req, res) => {
        left += 1;
        res.send('x');
      });
      app.get('/told', rateLimit(limiter, slower), (req, res) => res.json(req.rateLimit.wait));
      const url = await listen(app);
      const start = performance.now();
      await Promise.all([ask(url, '/slow'), ask(url, '/slow')]);
      assert.ok(performance.now() - start > 240);
      assert.equal((await ask(url, '/slower')).status, 200);
      const calls = await server.calls();
      const leaving = new AbortController();
      const gone = fetch(`${url}/slower`, { signal: leaving.signal });
      await eventually(async () => (await server.calls()) > calls);
      leaving.abort();
      await assert.rejects(gone, { name: 'AbortError' });
      const after = (await ask(url, '/told')).json();
      assert.ok(after > 3, 'it was charged, and would have been held until three seconds before');
      await sleep((after - 3) * 1_000 + 100);
      assert.equal(left, 1);
    });

    test('can be answered otherwise', async () => {
      const app = express();
      const limiter = patient({ client, legacy: 'epoch' });
      const handler = (_req, res, _next, { retryAfter }) =>
        res.status(420).json({ calm: retryAfter > 0 });
      app.get('/', rateLimit(limiter, { limits: '0/minute', name: 'no', handler }), ok);
      app.post('/', rateLimit(limiter, { limits: '0/minute', methods: ['get'] }), ok);
      app.put('/', async (_req, res) => sendDenied(res, await limiter.check('put', '0/minute')));
      const url = await listen(app);
      const own = await ask(url, '/');
      assert.equal(own.status, 420);
      assert.equal(own.headers.ratelimit, '"no";r=0');
      assert.equal(own.headers['x-ratelimit-limit'], '0');
      assert.equal((await ask(url, '/', { method: 'POST' })).status, 200);
      const put = await ask(url, '/', { method: 'PUT' });
      assert.deepEqual([put.status, put.headers.ratelimit], [429, '"0-per-60s";r=0']);
    });

    test('hands on what a handler throws', async () => {
      const app = express();
      const limiter = patient({ client });
      const throws = () => {
        throw new Error('on purpose');
      };
      const rejects = async () => throws();
      for (const [path, handler] of Object.entries({ throws, rejects })) {
        app.get(`/${path}`, rateLimit(limiter, { limits: '0/minute', handler }), ok);
      }
      app.use((error, _req, res, _next) => res.status(500).send(error.message));
      const url = await listen(app);
      for (const path of ['/throws', '/rejects']) {
        const answer = await ask(url, path);
        assert.deepEqual([answer.status, answer.body], [500, 'on purpose']);
      }
    });
  });
}
