// Who cannot be identified is refused, whatever the mode, and is no outage; Express 4 and 5.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { before, beforeEach, describe, test } from 'node:test';
import express5 from 'express';
import express4 from 'express4';
import { Subject } from 'redis-rl';
import { problemHandler, rateLimit } from 'redis-rl/express';
import { LIBRARIES } from '../support/clients.mjs';
import { eventually, gate } from '../support/eventually.mjs';
import { ask, listen } from '../support/http.mjs';
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
const keys = async () => (await server.command('KEYS', '*')).sort();
const limits = '5/minute';

/** Everything that a limiter says and decides. */
function watched(options) {
  const logger = memory();
  const told = [];
  const limiter = patient({
    client,
    logger,
    onError: 'open',
    onDecision: (outcome) => told.push(outcome),
    ...options,
  });
  return { limiter, logger, told };
}

for (const [version, express] of Object.entries({ 4: express4, 5: express5 })) {
  describe(`Express ${version}`, () => {
    test('an empty key is 400 in every mode, one line in the log, and opens nothing', async () => {
      const { limiter, logger, told } = watched();
      const app = express();
      const keyed = (key, more) => rateLimit(limiter, { limits, key, ...more });
      app.get(
        '/api',
        keyed((req) => Subject.apiKey(req.get('api-key'))),
        ok,
      );
      app.get(
        '/user',
        keyed((req) => Subject.user(req.get('user') ?? '')),
        ok,
      );
      app.get(
        '/text',
        keyed(async () => ''),
        ok,
      );
      app.get(
        '/closed',
        keyed(() => '', { onError: 'closed' }),
        ok,
      );
      app.get(
        '/address',
        keyed(() => Subject.ip('nowhere')),
        ok,
      );
      app.get('/own', (_req, res, next) => limiter.check('', limits).then(() => res.end(), next));
      app.get('/fine', rateLimit(limiter, { limits }), ok);
      app.use(problemHandler());
      const url = await listen(app);
      for (const path of ['/api', '/user', '/text', '/closed', '/address', '/own']) {
        for (let times = 0; times < 6; times++) {
          const refused = await ask(url, path);
          assert.equal(refused.status, 400, path);
          assert.equal(refused.headers['content-type'], 'application/problem+json');
          assert.equal(refused.headers['cache-control'], 'no-store');
          assert.equal(refused.headers['retry-after'], undefined);
          assert.deepEqual(refused.json(), {
            type: 'about:blank',
            title: 'Bad Request',
            status: 400,
            detail: 'The client cannot be identified',
          });
        }
      }
      assertRare(logger);
      assert.match(
        logger.lines[0],
        /requests are refused: an API key must be text that is not empty/,
      );
      assert.deepEqual([told, limiter.failedOpen, await keys()], [[], 0, []]);
      assert.equal((await ask(url, '/fine')).headers['ratelimit-policy'], '"5-per-60s";q=5;w=60');
    });

    for (const trustedProxies of [undefined, ['unix'], ['127.0.0.0/8']]) {
      test(`a client that has gone is nobody, with ${trustedProxies ?? 'no'} trusted proxies`, async () => {
        const { limiter, logger } = watched({ trustedProxies });
        const app = express();
        let outcome = 'not asked';
        const [arrived, gone] = [gate(), gate()];
        app.use(async (req, _res, next) => {
          req.socket.once('close', gone.open);
          arrived.open();
          await gone.opened;
          next();
        });
        app.use(rateLimit(limiter, { limits }), (req) => {
          outcome = req.rateLimit;
        });
        const { port } = new URL(await listen(app));
        const socket = connect(Number(port), '127.0.0.1');
        socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n');
        await arrived.opened;
        socket.resetAndDestroy();
        await eventually(() => logger.lines.length > 0);
        assert.match(logger.lines[0], /requests are refused: .*connection is gone/);
        assert.deepEqual([outcome, limiter.failedOpen, await keys()], ['not asked', 0, []]);
      });
    }

    test('a Unix socket is nobody, or a proxy that is trusted', async (t) => {
      const logger = memory();
      const app = express();
      const plain = patient({ client, logger, onError: 'open' });
      const behind = patient({ client, logger, trustedProxies: ['unix'], prefix: 'unix' });
      app.get('/plain', rateLimit(plain, { limits }), ok);
      app.get('/behind', rateLimit(behind, { limits, name: 'b' }), ok);
      const socketPath = join(server.folder, `http-${version}-${process.pid}.sock`);
      const listening = app.listen(socketPath);
      t.after(() => listening.close());
      await eventually(() => listening.listening);
      const answer = async (path, headers) =>
        (await ask('http://localhost', path, { socketPath, headers })).status;
      const forwarded = { 'x-forwarded-for': '6.6.6.6, 192.0.2.1' };
      assert.equal(await answer('/plain', forwarded), 400);
      assert.match(logger.lines[0], /trustedProxies: \['unix'\]/);
      assert.equal(await answer('/behind'), 400);
      assert.equal(await answer('/behind', { 'x-forwarded-for': 'unknown' }), 400);
      assert.equal(await answer('/behind', forwarded), 200);
      assert.deepEqual(await keys(), ['unix:b:ip:192.0.2.1']);
    });

    test('text from a client is a user, and never a whole key', async () => {
      const { limiter } = watched();
      const app = express();
      app.use(rateLimit(limiter, { limits, name: 'api', key: (req) => req.get('who') }), ok);
      const url = await listen(app);
      await ask(url, '/', { headers: { who: 'rl:login:ip:192.0.2.1' } });
      assert.deepEqual(await keys(), ['rl:api:user:rl%3Alogin%3Aip%3A192.0.2.1']);
    });

    test('a key function that answers anything else is said to', async () => {
      const { limiter } = watched();
      const app = express();
      const answers = { nothing: undefined, number: 42, object: {}, flag: false };
      for (const [path, answer] of Object.entries(answers)) {
        app.get(`/${path}`, rateLimit(limiter, { limits, key: () => answer }), ok);
      }
      app.get(
        '/user',
        rateLimit(limiter, { limits, key: (req) => Subject.user(req.user?.id) }),
        ok,
      );
      app.use((error, _req, res, _next) => res.status(500).send(error.message));
      const url = await listen(app);
      const said = async (path) => {
        const { status, body } = await ask(url, path);
        assert.equal(status, 500);
        return body;
      };
      assert.match(
        await said('/nothing'),
        /key function returns must be a Subject.*null: not limited.*not undefined/,
      );
      assert.match(
        await said('/number'),
        /must be a Subject, a WholeKey or a user's id as text, not 42/,
      );
      assert.match(await said('/object'), /not an object/);
      assert.match(await said('/flag'), /not false/);
      assert.match(await said('/user'), /a user's id must be text or an integer, not undefined/);
      assert.deepEqual(await keys(), []);
    });
  });
}
