// Several limits on one request: none is charged by two of them, in Express 4 and 5.
import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import express5 from 'express';
import express4 from 'express4';
import { Subject, WholeKey } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { LIBRARIES } from '../support/clients.mjs';
import { ask, listen, untimed } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { assertRare, memory } from '../support/quiet.mjs';
import { Server } from '../support/servers.mjs';

let server;
let client;
before(async () => {
  server = await Server.start();
  client = await LIBRARIES['ioredis 6'](server.port);
});
beforeEach(() => server.command('FLUSHALL'));

const ok = (_request, response) => response.json({ ok: true });
const keys = async () => (await server.command('KEYS', '*')).sort().map(decodeURIComponent);

for (const [version, express] of Object.entries({ 4: express4, 5: express5 })) {
  describe(`Express ${version}`, () => {
    /** An app, its limits without names, and how to ask it. */
    async function app(build, options = {}) {
      const limiter = patient({ client, logger: memory(), ...options });
      const app = express();
      build(app, (limits, more) => rateLimit(limiter, { limits, ...more }), limiter);
      const url = await listen(app);
      const get = async (path, headers) => ask(url, path, { headers });
      return { get, url, logger: limiter.settings.logger };
    }

    test('an app and a router have a budget each', async () => {
      const { get } = await app((app, limited) => {
        app.use(limited('100/minute'));
        app.use('/auth', limited('5/minute'));
        app.get('/auth/login', ok);
      });
      for (let times = 0; times < 5; times++) {
        const { status, headers } = await get('/auth/login');
        assert.deepEqual([times, status], [times, 200]);
        assert.equal(headers.ratelimit.match(/r=\d+/g).join(), `r=${99 - times},r=${4 - times}`);
      }
      assert.equal((await get('/auth/login')).status, 429);
      assert.deepEqual(await keys(), ['rl:app#2:ip:127.0.0.1', 'rl:app:ip:127.0.0.1']);
    });

    test('a router and a route, and two of a route', async () => {
      const { get } = await app((app, limited) => {
        const router = express.Router();
        router.use(limited('9/minute'));
        router.get('/items', limited('8/minute'), limited('7/minute; 70/hour'), ok);
        app.use(router);
      });
      assert.equal(
        (await get('/items')).headers.ratelimit.match(/r=\d+/g).join(),
        'r=8,r=7,r=6,r=69',
      );
      assert.deepEqual(await keys(), [
        'rl:GET /items#2:ip:127.0.0.1',
        'rl:GET /items:ip:127.0.0.1',
        'rl:app:ip:127.0.0.1',
      ]);
    });

    test('an exemption moves nobody to another budget', async () => {
      const { get, url } = await app((app, limited) => {
        app.use(limited('9/minute', { exempt: async (req) => req.get('staff') === 'yes' }));
        app.use(
          limited('9/minute', { key: (req, client) => (req.get('nobody') ? null : client()) }),
        );
        app.use(limited('9/minute', { methods: ['post'] }));
        app.use(limited('9/minute'), ok);
      });
      for (const headers of [{}, { staff: 'yes' }, { nobody: 'yes' }]) await get('/', headers);
      await ask(url, '/', { method: 'POST' });
      const used = {};
      for (const key of await server.command('KEYS', '*')) {
        used[decodeURIComponent(key)] = 9 - (await server.command('RL.PEEK', key))[0][4];
      }
      assert.deepEqual(used, {
        'rl:app:ip:127.0.0.1': 3,
        'rl:app#2:ip:127.0.0.1': 3,
        'rl:app#3:ip:127.0.0.1': 1,
        'rl:app#4:ip:127.0.0.1': 4,
      });
    });

    test('one limit that is met twice is charged once', async () => {
      const { get } = await app((app, limited) => {
        const all = limited('9/minute');
        app.use(all);
        app.get('/', all, all, (req, res) => res.json(req.rateLimit.remaining));
      });
      const { body, headers } = await get('/');
      assert.deepEqual([body, headers.ratelimit.match(/r=\d/g)], ['8', ['r=8']]);
    });

    test('an exempt request is asked again where somebody has logged in since', async () => {
      const { get } = await app((app, limited) => {
        const all = limited('1/minute', { key: (req) => req.user ?? null });
        app.use(all);
        app.use((req, _res, next) => {
          req.user = 'ann';
          next();
        });
        app.get('/', all, ok);
      });
      assert.equal((await get('/')).status, 200);
      assert.equal((await get('/')).status, 429);
    });

    test('two limits of one name and limiter are refused in every mode, and said once', async () => {
      const { get, logger } = await app(
        (app, limited, limiter) => {
          app.use(limited('100/minute; 7/day', { name: 'login' }));
          app.get('/', rateLimit(limiter, { limits: '5/minute', scope: 'login' }), ok);
          app.get('/hour', limited('5/hour', { name: 'login' }), ok);
        },
        { onError: 'open' },
      );
      for (let times = 0; times < 3; times++) {
        const refused = await get('/');
        assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1']);
      }
      assertRare(logger);
      assert.match(logger.lines[0], /'login' and 'login'.*fixed limit of 60 s.*name of its own/);
      const [[, , , , left]] = await server.command('RL.PEEK', 'rl:login:ip:127.0.0.1');
      assert.equal(left, 97);
      assert.equal((await get('/hour')).status, 200);
    });

    test('a whole key cannot move either', async () => {
      const { get, logger } = await app((app, limited) => {
        const key = () => new WholeKey('mail:ann');
        app.use(limited('9/minute', { key }));
        app.get('/same', limited('5/minute', { key }), ok);
        app.get('/other', limited('5/hour', { key }), ok);
      });
      assert.deepEqual([(await get('/other')).status, (await get('/same')).status], [200, 503]);
      assert.match(logger.lines[0], /one without a name/);
      assert.deepEqual(await keys(), ['mail:ann']);
    });

    test('subjects of their own share nothing', async () => {
      const { get } = await app((app, limited) => {
        app.use(limited('9/minute'));
        app.use(limited('9/minute', { key: () => Subject.user('ann') }), ok);
      });
      await get('/');
      assert.deepEqual(await keys(), ['rl:app:ip:127.0.0.1', 'rl:app:user:ann']);
    });

    test('methods that HTTP does not define are one, OPTIONS has a budget, HEAD goes with GET', async () => {
      const { url } = await app((app, limited) => {
        app.all('/login', limited('2/minute'), ok);
        app.all('/named', limited('9/minute', { name: 'login' }), ok);
        app.all('/get', limited('9/minute', { methods: ['get', '*'] }), ok);
      });
      const status = async (path, method) => (await ask(url, path, { method })).status;
      for (const methods of [
        ['OPTIONS', 'OPTIONS'],
        ['LOCK', 'PURGE'],
        ['HEAD', 'GET'],
      ]) {
        for (const method of methods) assert.equal(await status('/login', method), 200);
        for (const method of methods) assert.equal(await status('/login', method), 429, method);
      }
      for (const method of ['POST', 'OPTIONS', 'PURGE']) await status('/named', method);
      for (const method of ['HEAD', 'GET', 'POST', 'OPTIONS', 'PURGE']) {
        const { headers } = await ask(url, '/get', { method });
        assert.equal('ratelimit' in headers, !['POST', 'OPTIONS'].includes(method), method);
      }
      assert.deepEqual(await keys(), [
        'rl:* /get:ip:127.0.0.1',
        'rl:* /login:ip:127.0.0.1',
        'rl:GET /get:ip:127.0.0.1',
        'rl:GET /login:ip:127.0.0.1',
        'rl:OPTIONS /login:ip:127.0.0.1',
        'rl:OPTIONS login:ip:127.0.0.1',
        'rl:login:ip:127.0.0.1',
      ]);
      const head = await ask(url, '/get');
      assert.equal(untimed(head), '"9-per-60s";r=6');
    });
  });
}
