// Which requests share a budget, in Express 4 and 5.
import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import express5 from 'express';
import express4 from 'express4';
import { rateLimit } from 'redis-rl/express';
import { LIBRARIES } from '../support/clients.mjs';
import { ask, listen, untimed } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
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

for (const [version, express] of Object.entries({ 4: express4, 5: express5 })) {
  describe(`Express ${version}`, () => {
    test('takes the template for the scope, however the path is written', async () => {
      const app = express();
      const limiter = patient({ client });
      const limited = rateLimit(limiter, { limits: '9/minute' });
      app.route('/items/:id').get(limited, ok).post(limited, ok);
      const url = await listen(app);
      for (const path of ['/items/1', '/items/2/', '/ITEMS/3', '/items/%34?x=1']) {
        assert.equal((await ask(url, path)).status, 200);
      }
      assert.equal(untimed(await ask(url, '/items/5', { method: 'HEAD' })), '"9-per-60s";r=4');
      await ask(url, '/items/1', { method: 'POST' });
      assert.deepEqual(await keys(), [
        'rl:GET%20%2Fitems%2F%7Bid%7D:ip:127.0.0.1',
        'rl:POST%20%2Fitems%2F%7Bid%7D:ip:127.0.0.1',
      ]);
    });

    test('gives no budget to each method that a client can think of', async () => {
      const app = express();
      app.all('/any', rateLimit(patient({ client }), { limits: '9/minute' }), ok);
      const url = await listen(app);
      for (const method of ['PURGE', 'LOCK', 'MKCOL', 'DELETE']) await ask(url, '/any', { method });
      assert.deepEqual((await keys()).map(decodeURIComponent), [
        'rl:* /any:ip:127.0.0.1',
        'rl:DELETE /any:ip:127.0.0.1',
      ]);
    });

    test('knows where routers and apps are mounted, but not from the client', async () => {
      const app = express();
      const limited = rateLimit(patient({ client }), { limits: '9/minute' });
      const users = express.Router({ mergeParams: true });
      users.get('/posts/:post', limited, ok);
      users.get('/', limited, ok);
      const nested = express.Router();
      nested.use('/users/:user', users);
      app.use('/Api', nested);
      const admin = express();
      admin.get('/:page', limited, ok);
      app.use('/admin', admin);
      const url = await listen(app);
      for (const path of ['/api/users/1/posts/2', '/API/users/3/posts/4', '/Api/users/1']) {
        assert.equal((await ask(url, path)).status, 200);
      }
      await ask(url, '/admin/home');
      assert.deepEqual((await keys()).map(decodeURIComponent), [
        'rl:GET /Api/users/{user}/posts/{post}:ip:127.0.0.1',
        'rl:GET /Api/users/{user}:ip:127.0.0.1',
        'rl:GET /admin/{page}:ip:127.0.0.1',
      ]);
    });

    test('has one budget for all that a middleware stands before, and one for OPTIONS', async () => {
      const app = express();
      app.use(rateLimit(patient({ client }), { limits: '3/minute' }));
      app.all('/*path'.slice(0, version === '4' ? 2 : 6), ok);
      const url = await listen(app);
      await ask(url, '/a');
      await ask(url, '/b', { method: 'POST' });
      assert.equal(untimed(await ask(url, '/a', { method: 'OPTIONS' })), '"3-per-60s";r=2');
      assert.equal(untimed(await ask(url, '/c')), '"3-per-60s";r=0');
      assert.equal((await ask(url, '/nowhere')).status, 429);
      assert.deepEqual((await keys()).map(decodeURIComponent), [
        'rl:OPTIONS app:ip:127.0.0.1',
        'rl:app:ip:127.0.0.1',
      ]);
    });
  });
}
