// Limits on trial, and bans: in limit strings and in policies, in every adapter.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import express from 'express';
import Fastify from 'fastify';
import { ConfigurationError, fieldsOf, Limit, StoreMisconfigured } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { LIBRARIES } from './support/clients.mjs';
import { ask, listen, untimed } from './support/http.mjs';
import { patient } from './support/limiters.mjs';
import { assertRare, memory } from './support/quiet.mjs';
import { Server } from './support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});
beforeEach(() => server.command('FLUSHALL'));

const BANNED = '3/minute; ban 1m after 2/minute';

async function limiterOf(options = {}) {
  const client = await LIBRARIES['ioredis 6'](server.port);
  return patient({ client, ...options });
}

for (const [library, connect] of Object.entries(LIBRARIES)) {
  test(`${library}: a ban is a verdict by itself, and refuses when it begins`, async () => {
    const limiter = patient({ client: await connect(server.port) });
    const check = () => limiter.check('eve', BANNED, { name: 'guarded' });
    const first = await check();
    assert.deepEqual([first.decisions.length, first.remaining], [1, 2]);
    assert.deepEqual([first.ban.limit, first.ban.remaining, first.ban.allowed], [2, 2, true]);
    for (let times = 0; times < 2; times++) await check();
    const [told, counted, banned] = [await check(), await check(), await check()];
    assert.deepEqual([told.ban.remaining, counted.ban.remaining], [2, 1]);
    assert.deepEqual([banned.ban.allowed, banned.ban.retryAfter, banned.remaining], [false, 60, 0]);
    assert.equal(banned.retryAfter, 60);
    assert.equal(banned.tightest.policy, 'guarded-ban');
    assert.equal(
      Object.fromEntries(fieldsOf(banned))['RateLimit-Policy'],
      '"guarded";q=3;w=60, "guarded-ban";q=2;w=60',
    );
    const peeked = await limiter.peek('eve', BANNED, { name: 'guarded' });
    assert.equal(peeked.allowed, false);
    assert.ok(peeked.ban.retryAfter > 30 && peeked.retryAfter === peeked.ban.retryAfter);
    // The ban is over with DEL.
    assert.equal(await limiter.reset('eve', { name: 'guarded' }), true);
    assert.equal((await check()).allowed, true);
  });

  test(`${library}: a limit on trial shows on the server only`, async () => {
    const limiter = patient({ client: await connect(server.port) });
    await server.command('RL.TOP', 'SHADOW', 'RESET');
    for (let left = 99; left > 96; left--) {
      const outcome = await limiter.check('ann', '100/minute; shadow 2/minute', { name: 'trial' });
      assert.deepEqual([outcome.decisions.length, outcome.remaining], [1, left]);
    }
    assert.deepEqual(await server.command('RL.TOP', 'SHADOW'), [['rl:trial:user:ann', 1]]);
    const alone = await limiter.check('ann', 'shadow 2/minute', { name: 'alone' });
    assert.deepEqual([alone.allowed, alone.remaining, alone.tightest], [true, null, null]);
    assert.deepEqual(fieldsOf(alone), []);
  });
}

test('typed limits are those of the text', async () => {
  const words = (limits) => limits.flatMap((limit) => limit.words).join(' ');
  assert.equal(
    words([
      Limit.shadow('token 20/second burst 40'),
      Limit.shadow(Limit.perMinute(5)),
      Limit.ban('15m', { after: '20/minute', upTo: '1d' }),
      Limit.ban('90 seconds', { after: '2 per 10 minutes' }),
    ]),
    'SHADOW TOKEN 40 20 1s SHADOW FIXED 5 1m BAN 20 1m 15m 1d BAN 2 10m 90s',
  );
  const limiter = await limiterOf();
  const typed = [Limit.perMinute(3), Limit.shadow('1/minute'), Limit.ban('1m', { after: '2/m' })];
  const outcome = await limiter.check('ann', typed);
  assert.equal(outcome.ban.policy, '3-per-60s-ban');
});

test('what is wrong with a trial or a ban is said where it is written', async () => {
  const limiter = await limiterOf();
  const wrong = [
    ['5/minute; shadow policy api', /shadow must be followed by a limit.*RL\.POLICY SET/],
    ['ban 15m after 20/minute', /a ban must come with a limit or a policy.*none in 'ban 15m/],
    [
      '5/minute; ban 15m after 2/m; ban 1m after 3/m',
      /have one ban, not repeat that of BAN 3 1m 1m/,
    ],
    ['5/minute; ban minute after 2/m', /a limit must be.*ban TIME after n/],
    [
      '5/minute; ban 15m after 2/m up to 14m',
      /longest time must be at least.*15 minute.*14 minute/,
    ],
    [
      '5/minute; ban 15m after 0/m',
      /refusals of a ban must be an integer from 1 to 1000000, not 0/,
    ],
    ['5/minute; ban 367d after 2/m', /period must be at most 366 days, not '367d'/],
  ];
  for (const [limits, message] of wrong) {
    const refused = (error) => error instanceof ConfigurationError && message.test(error.message);
    assert.throws(() => rateLimit(limiter, { limits }), refused, limits);
  }
  assert.throws(() => Limit.ban('15m', {}), ConfigurationError);
  assert.throws(() => Limit.shadow(5), ConfigurationError);
  const options = { limits: '5/minute', blockDuration: 60, ban: 3 };
  assert.throws(() => rateLimit(limiter, options), /blockDuration: use a ban in limits, as in/);
});

/** Apps of both frameworks with one limited route each, by the names of the frameworks. */
async function appsOf(limiter, options) {
  const app = express();
  app.get('/', rateLimit(limiter, options), (_req, res) => res.end('ok'));
  const fastify = Fastify();
  await fastify.register(fastifyRateLimit, { limiter });
  fastify.get('/', { config: { rl: options } }, async () => 'ok');
  const other = await fastify.listen({ port: 0, host: '127.0.0.1' });
  const url = await listen(app);
  return { Express: url, Fastify: other, end: () => fastify.close() };
}

test('a ban is in headers and bodies only while it refuses', async () => {
  const limiter = await limiterOf();
  const { end, ...apps } = await appsOf(limiter, { limits: BANNED, name: 'guarded' });
  for (const [framework, url] of Object.entries(apps)) {
    await server.command('FLUSHALL');
    for (let left = 2; left >= 0; left--) {
      assert.equal(untimed(await ask(url, '/')), `"guarded";r=${left}`, framework);
    }
    for (let times = 0; times < 2; times++) {
      const refused = await ask(url, '/');
      assert.equal(refused.headers['ratelimit-policy'], '"guarded";q=3;w=60');
      assert.deepEqual(refused.json()['violated-policies'], ['guarded']);
    }
    const banned = await ask(url, '/');
    assert.equal(banned.status, 429);
    assert.equal(banned.headers['ratelimit-policy'], '"guarded";q=3;w=60, "guarded-ban";q=2;w=60');
    assert.match(banned.headers.ratelimit, /^"guarded";r=0;t=\d+, "guarded-ban";r=0;t=60$/);
    assert.equal(banned.headers['retry-after'], '60');
    assert.deepEqual(banned.json()['violated-policies'], ['guarded', 'guarded-ban']);
  }
  await end();
});

test('policies may hold trials and bans, also beside others, from the first request on', async () => {
  await server.command(
    ...'RL.POLICY SET login BAN 1 1m 5m SHADOW FIXED 1 1m FIXED 2 15m'.split(' '),
  );
  const limiter = await limiterOf();
  const check = () => limiter.check('ann', 'policy login; 9/hour', { name: 'mix' });
  const first = await check();
  assert.deepEqual(
    first.decisions.map(({ policy, remaining }) => [policy, remaining]),
    [
      ['login', 1],
      ['mix-hour', 8],
    ],
  );
  assert.deepEqual([first.ban.policy, first.ban.remaining], ['login-ban', 1]);
  for (let times = 0; times < 2; times++) await check();
  const banned = await check();
  assert.deepEqual([banned.retryAfter > 299, banned.ban.allowed], [true, false]);
  assert.match(
    Object.fromEntries(fieldsOf(banned)).RateLimit,
    /^"login";r=0;t=\d+, "login-ban";r=0;t=300$/,
  );
});

test('a policy with a LEASE is an error in every mode that says to use concurrency', async () => {
  await server.command(...'RL.POLICY SET uploads LEASE 2 10m FIXED 9 1h'.split(' '));
  const logger = memory();
  const limiter = await limiterOf({ onError: 'open', logger });
  for (let times = 0; times < 2; times++) {
    await assert.rejects(limiter.check('ann', 'policy uploads'), (error) => {
      assert.ok(error instanceof StoreMisconfigured);
      return /LEASE.*concurrency/.test(error.message);
    });
  }
  assertRare(logger);
  assert.equal((await limiter.check('ann', '5/minute')).source, 'server');
});

test('two limits of one request share neither a trial nor a ban', async () => {
  const limiter = await limiterOf();
  const app = express();
  const limited = (limits, name) => rateLimit(limiter, { limits, name });
  app.get('/trials', limited('9/hour; shadow 5/minute'), limited('9/day; shadow 6/minute'));
  app.get('/bans', limited('9/hour; ban 1m after 2/m'), limited('9/day; ban 1h after 5/h'));
  app.get(
    '/named',
    limited('9/hour; ban 1m after 2/m', 'x'),
    limited('9/day; ban 1h after 5/h', 'x'),
  );
  app.use((_req, res) => res.end());
  const url = await listen(app);
  const keys = async () => (await server.command('KEYS', '*')).map(decodeURIComponent).sort();
  for (const path of ['/trials', '/bans']) {
    assert.equal((await ask(url, path)).status, 200);
    assert.deepEqual(await keys(), [
      `rl:GET ${path}#2:ip:127.0.0.1`,
      `rl:GET ${path}:ip:127.0.0.1`,
    ]);
    await server.command('FLUSHALL');
  }
  assert.equal((await ask(url, '/named')).status, 503);
});
