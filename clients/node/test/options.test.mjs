// Options: those that do not exist are refused where they are written, with the right spelling.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import express from 'express';
import { ConfigurationError, createLimiter, Subject } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { LIBRARIES } from './support/clients.mjs';
import { ask, listen } from './support/http.mjs';
import { patient } from './support/limiters.mjs';
import { memory } from './support/quiet.mjs';
import { Server } from './support/servers.mjs';

let server;
let client;
let limiter;
before(async () => {
  server = await Server.start();
  client = await LIBRARIES['ioredis 6'](server.port);
  limiter = patient({ client, logger: memory() });
});

const limits = '5/minute';

function refused(make, message) {
  assert.throws(make, (error) => {
    assert.ok(error instanceof ConfigurationError, error.stack);
    assert.match(error.message, message);
    return true;
  });
}

test('of rateLimit, which migrants spell as they did', () => {
  const cases = [
    [
      { windowMs: 60_000, max: 5 },
      /rateLimit has no option windowMs: use limits, as in limits: '5\/minute'/,
    ],
    [{ limit: 5 }, /limit: use limits/],
    [
      { limits, standardHeaders: true },
      /standardHeaders: use nothing, as headers are always sent.*draft6/,
    ],
    [{ limits, legacyHeaders: true }, /legacy of createLimiter/],
    [{ limits, skip: () => true }, /skip: use exempt/],
    [{ limits, keyGenerator: () => 'x' }, /keyGenerator: use key/],
    [{ limits, message: 'no' }, /message: use handler/],
    [{ limits, store: {} }, /store: use client of createLimiter/],
    [{ limits, passOnStoreError: true }, /onError: 'open'/],
    [{ limits, ipv6Subnet: 56 }, /ipv6Prefix of createLimiter/],
    [{ limits, requestPropertyName: 'x' }, /request\.rateLimit/],
    [
      { limits, skipFailedRequests: true },
      /use countIf, as in countIf: \(res\) => res.statusCode < 400/,
    ],
    [{ limits, on_error: 'open' }, /on_error: use onError/],
    [{ limits, trustedProxies: ['unix'] }, /trustedProxies of createLimiter/],
    [{ limits, coverNotFound: true }, /coverNotFound/],
    [{ limits, methos: ['POST'] }, /methos: use methods/],
    [{ limits, quux: 1 }, /quux: its options are limits, key, name/],
    [{ limits: undefined }, /limits must be given/],
    [{ limits: {} }, /limits must be of at least one tier/],
    [{ limits: { free: '5/minuet' } }, /period must be .*not 'minuet', in '\d\/minuet'/],
    [{ limits: [5] }, /a limit must be text or a Limit, not 5/],
    [{ limits, methods: [] }, /methods: \['POST'\]/],
    [{ limits, cost: '2' }, /cost must be an integer/],
    [{ limits, exempt: ['10.0.0.1'] }, /exempt must be a function/],
    [{ limits, key: 'ip' }, /key must be a function/],
    [{ limits, wait: 'yes' }, /wait must be true or false/],
    [{ limits, scope: '' }, /scope must be text/],
    [{ limits, name: 'a b' }, /name must be/],
    [{ limits, handler: 429 }, /handler must be a function/],
  ];
  for (const [options, message] of cases) refused(() => rateLimit(limiter, options), message);
  refused(() => rateLimit({ windowMs: 1, max: 5 }), /windowMs: use limits/);
  refused(() => rateLimit(limiter), /options of rateLimit must be an object/);
  refused(() => rateLimit({ limits }), /limiter must be made by createLimiter/);
  refused(() => rateLimit(undefined, { limits }), /limiter must be made by createLimiter/);
});

test('of createLimiter, check and its kin, and of subjects', async () => {
  const cases = [
    [{ redis: 1 }, /redis: use client/],
    [{ timeout: 5 }, /timeout: use timeoutMs/],
    [{ trustProxy: true }, /trustedProxies/],
    [{ keyPrefix: 'x' }, /prefix/],
    [{ limits }, /limits of/],
    [{ connectTimeoutMs: 0 }, /connectTimeoutMs must be/],
    [{ trustedProxies: '10.0.0.0/8' }, /trustedProxies must be a list/],
    [{ enabled: 'no' }, /enabled must be true or false/],
    [{ logger: {} }, /logger must be/],
    [{ onDecision: 1 }, /onDecision must be a function/],
  ];
  for (const [options, message] of cases) refused(() => patient({ client, ...options }), message);
  refused(() => createLimiter('redis://:s3cret@localhost'), /an object, not of type string$/);
  await assert.rejects(
    limiter.check('k', limits, { costs: 2 }),
    /check has no option costs: use cost/,
  );
  await assert.rejects(limiter.peek('k', limits, { cost: 2 }), /peek has no option cost/);
  await assert.rejects(limiter.reset('k', { names: 'x' }), /names: use name/);
  await assert.rejects(limiter.checkMany([{ who: 'k', limit: '1/s' }]), /limit: use limits/);
  refused(() => Subject.user(1, { teir: 'paid' }), /teir: use tier/);
  refused(() => Subject.user(1, { tier: 7 }), /tier must be text/);
});

test('tiers by name, exemptions, and a limiter that is switched off', async () => {
  const app = express();
  const exempt = async (req) => req.get('staff') === 'yes';
  const key = (req, client) => client({ tier: req.get('tier') ?? 'free' });
  const tiers = { free: '1/minute', paid: '9/minute; 90/hour' };
  app.get('/', rateLimit(limiter, { limits: tiers, key, exempt }), (req, res) =>
    res.json(req.rateLimit),
  );
  app.use((error, _req, res, _next) => res.status(500).send(error.message));
  const url = await listen(app);
  const get = (headers) => ask(url, '/', { headers });
  assert.deepEqual([(await get()).status, (await get()).status], [200, 429]);
  assert.equal((await get({ tier: 'paid' })).json().decisions.length, 2);
  const staff = await get({ staff: 'yes' });
  assert.deepEqual([staff.json(), staff.headers.ratelimit], [null, undefined]);
  assert.match((await get({ tier: 'gold' })).body, /tier must be one of free, paid, not 'gold'/);

  const calls = await server.calls();
  const off = createLimiter({ enabled: false });
  const outcome = await off.check('k', '0/minute', { cost: 3 });
  assert.deepEqual([outcome.allowed, outcome.source, outcome.cost], [true, 'exempt', 3]);
  assert.equal((await off.peek('k', '0/minute')).source, 'exempt');
  assert.equal(await off.reset('k'), false);
  await off.probe();
  refused(
    () => rateLimit(off, { limits: '1/minuet' }),
    /period must be .*not 'minuet', in '\d\/minuet'/,
  );
  const free = express();
  free.get('/', rateLimit(off, { limits: '0/minute' }), (req, res) =>
    res.json(req.rateLimit ?? null),
  );
  const answer = await ask(await listen(free), '/');
  assert.deepEqual(
    [answer.status, answer.json(), answer.headers.ratelimit],
    [200, null, undefined],
  );
  assert.equal(await server.calls(), calls);
});

test('peek says refused when nothing is left, and how long', async () => {
  const specs = ['2/minute', 'sliding 2/minute', 'log 2/minute'];
  for (const spec of [...specs, 'token 1/minute burst 2', 'leaky 1/minute burst 2']) {
    const who = Subject.user(spec);
    const fresh = await limiter.peek(who, spec);
    assert.deepEqual([fresh.allowed, fresh.remaining, fresh.retryAfter], [true, 2, 0], spec);
    await limiter.check(who, spec, { cost: 2 });
    const start = performance.now();
    const used = await limiter.peek(who, `${spec}; 9/day`);
    assert.deepEqual([used.allowed, used.remaining, used.wait], [false, 0, 0], spec);
    assert.ok(used.retryAfter > 10, `${spec} ${used.retryAfter}`);
    const denied = await limiter.check(who, spec);
    const passed = (performance.now() - start) / 1_000;
    const less = used.retryAfter - denied.retryAfter;
    assert.ok(less >= 0 && less <= passed + 0.1, `${spec}: ${less} s less after ${passed} s`);
    assert.deepEqual([used.tightest.allowed, used.decisions[1].allowed], [false, true]);
    assert.equal(await limiter.reset(who), true);
    assert.equal(await limiter.reset(who), false);
  }
  const never = await limiter.peek('never', '0/minute');
  assert.deepEqual([never.allowed, never.retryAfter], [false, null]);
  await limiter.check('lowered', '5/minute', { cost: 3 });
  const lowered = await limiter.peek('lowered', '2/minute');
  assert.deepEqual([lowered.allowed, lowered.retryAfter > 30], [false, true]);
});
