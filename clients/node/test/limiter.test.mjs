// What a limiter decides, over each client library.
import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { before, test } from 'node:test';
import { CannotIdentify, ConfigurationError, fieldsOf, Limit, Subject, WholeKey } from 'redis-rl';
import { LIBRARIES } from './support/clients.mjs';
import { patient } from './support/limiters.mjs';
import { memory } from './support/quiet.mjs';
import { Server } from './support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});

for (const [library, connect] of Object.entries(LIBRARIES)) {
  test(`${library}: counts, denies, and says how long to wait`, async () => {
    const limiter = patient({ client: await connect(server.port), prefix: library });
    await limiter.probe();
    const ask = (options) =>
      limiter.check(Subject.user(1), '5/minute', { name: 'login', ...options });

    const first = await ask({ cost: 4 });
    assert.equal(first.allowed, true);
    assert.equal(first.remaining, 1);
    assert.equal(first.requestsLeft, 1);
    assert.equal(first.retryAfter, 0);
    assert.equal(first.resetAfter, 60);
    assert.equal(first.source, 'server');
    assert.equal(first.key, `${library.replace(' ', '%20')}:login:user:1`);

    const denied = await ask({ cost: 2 });
    assert.equal(denied.allowed, false);
    assert.equal(denied.remaining, 1);
    assert.ok(denied.retryAfter > 50 && denied.retryAfter <= 60);
    assert.equal(denied.tightest.policy, 'login');
    assert.equal((await ask({ cost: 6 })).retryAfter, null);
    assert.equal((await ask()).remaining, 0);
  });

  test(`${library}: what is asked at once is written at once`, async (t) => {
    const writes = [
      t.mock.method(Socket.prototype, '_write'),
      t.mock.method(Socket.prototype, '_writev'),
    ];
    const written = () => writes.reduce((sum, { mock }) => sum + mock.callCount(), 0);
    const limiter = patient({ client: await connect(server.port), prefix: `at ${library}` });
    const checks = [1, 2, 3, 4, 5].map((id) => ({ who: Subject.user(id), limits: '5/minute' }));
    await limiter.checkMany(checks); // Only now it is known that several are asked at once.
    const before = written();
    const outcomes = await limiter.checkMany(checks);
    assert.deepEqual(
      outcomes.map(({ remaining }) => remaining),
      [3, 3, 3, 3, 3],
    );
    assert.equal(written() - before, 1);
  });

  test(`${library}: one command per check, however many limits`, async () => {
    const limiter = patient({ client: await connect(server.port), prefix: `one ${library}` });
    const calls = await server.calls();
    const limits =
      'sliding 100/minute; token 10/second burst 20; leaky 5/second burst 10; log 9/day';
    const outcome = await limiter.check(Subject.ip('::ffff:192.0.2.1'), [limits, Limit.perHour(3)]);
    assert.equal(await server.calls(), calls + 1);
    assert.deepEqual(
      outcome.decisions.map(({ policy, limit, remaining }) => [policy, limit, remaining]),
      [
        ['sliding-100-per-60s', 100, 99],
        ['token-10-per-1s', 20, 19],
        ['leaky-5-per-1s', 10, 9],
        ['log-9-per-86400s', 9, 8],
        ['3-per-3600s', 3, 2],
      ],
    );
    assert.match(outcome.key, /:app:ip:192\.0\.2\.1$/);
  });

  test(`${library}: never lets more through than the limit`, async () => {
    const limiter = patient({ client: await connect(server.port), prefix: `crowd ${library}` });
    const crowd = Array.from({ length: 300 }, () => ({
      who: Subject.user('all'),
      limits: '100/hour',
    }));
    const outcomes = await limiter.checkMany(crowd);
    assert.equal(outcomes.filter(({ allowed }) => allowed).length, 100);
  });

  test(`${library}: looks without charging, and forgets`, async () => {
    const limiter = patient({ client: await connect(server.port), prefix: `peek ${library}` });
    const who = Subject.apiKey('secret');
    await limiter.check(who, '5/minute', { scope: 'api' });
    for (let times = 0; times < 2; times++) {
      assert.equal((await limiter.peek(who, '5/minute', { scope: 'api' })).remaining, 4);
    }
    assert.equal(await limiter.reset(who, { scope: 'api' }), true);
    assert.equal(await limiter.reset(who, { scope: 'api' }), false);
    assert.equal((await limiter.peek(who, '5/minute', { scope: 'api' })).remaining, 5);
  });
}

test('text is a user everywhere, and a whole key is given as one', async () => {
  const limiter = patient({ client: await LIBRARIES['ioredis 6'](server.port) });
  const key = 'rl:app:user:rl%3Alogin%3Aip%3A192.0.2.1';
  const text = 'rl:login:ip:192.0.2.1';
  assert.equal((await limiter.check(text, '5/minute')).key, key);
  const [many] = await limiter.checkMany([{ who: text, limits: '5/minute' }]);
  assert.deepEqual([many.key, many.remaining], [key, 3]);
  assert.equal((await limiter.peek(text, '5/minute')).key, key);
  assert.equal(await limiter.reset(text), true);
  assert.equal(await server.command('EXISTS', key), 0);

  const whole = new WholeKey('jobs:{42}');
  assert.equal((await limiter.check(whole, '5/minute')).key, 'jobs:{42}');
  assert.equal(await server.command('EXISTS', 'jobs:{42}'), 1);
  assert.equal(await limiter.reset(whole), true);
});

test('who is nobody is refused where that is written', async () => {
  for (const id of [undefined, null, NaN, {}, true, 1.5, 2 ** 60, ['a']]) {
    assert.throws(() => Subject.user(id), ConfigurationError, String(id));
  }
  for (const make of [Subject.user, Subject.ip, Subject.apiKey]) {
    assert.throws(() => make(''), CannotIdentify);
  }
  assert.throws(() => Subject.apiKey(undefined), CannotIdentify);
  assert.throws(() => Subject.ip(7), ConfigurationError);
  assert.throws(() => new WholeKey(''), ConfigurationError);
  assert.equal(Subject.user(42n).id, '42');
  const limiter = patient({ client: await LIBRARIES['ioredis 6'](server.port) });
  await assert.rejects(limiter.check('', '5/minute'), CannotIdentify);
  for (const who of [undefined, null, 42, {}]) {
    await assert.rejects(limiter.check(who, '5/minute'), /who must be a Subject.*not/);
  }
});

test('an outcome tells the fields of other frameworks', async () => {
  const limiter = patient({ client: await LIBRARIES['node-redis 6'](server.port) });
  const outcome = await limiter.check('fields', '5/minute', { name: 'mail' });
  assert.deepEqual(fieldsOf(outcome), [
    ['RateLimit-Policy', '"mail";q=5;w=60'],
    ['RateLimit', '"mail";r=4;t=60'],
  ]);
});

test('every outcome is told to onDecision', async () => {
  const told = [];
  const client = await LIBRARIES['ioredis 6'](server.port);
  const limiter = patient({ client, onDecision: (outcome) => told.push(outcome) });
  const outcomes = [];
  for (let at = 0; at < 2; at++) outcomes.push(await limiter.check('told', '1/minute'));
  assert.deepEqual(told, outcomes);
});

test('wrong options, limits, names and costs are refused, and said', async () => {
  const client = await LIBRARIES['ioredis 6'](server.port);
  const wrong = {
    prefix: '',
    timeoutMs: 0,
    onError: 'local',
    legacy: 'draft7',
    ipv6Prefix: 31,
    trustedProxies: ['10.0.0.0/33'],
  };
  for (const [name, value] of Object.entries(wrong)) {
    const given = new RegExp(`${name}.*${[value].flat()[0] ?? ''}`);
    const refused = (error) => error instanceof ConfigurationError && given.test(error.message);
    assert.throws(() => patient({ client, [name]: value }), refused, name);
  }
  assert.throws(() => patient({ client: {} }), ConfigurationError);
  const limiter = patient({ client });
  await assert.rejects(
    limiter.check('k', '1/minuet'),
    /period must be .*not 'minuet', in '1\/minuet'; a limit is .*such as/,
  );
  await assert.rejects(limiter.check('k', '5/minute', { name: 'é' }), /name must be .* not 'é'/);
  await assert.rejects(limiter.check('k', '5/minute', { cost: 1.5 }), /cost must be .* not 1.5/);
  await assert.rejects(limiter.check('k', '5/minute', { onError: 'ajar' }), /onError must be/);
  await assert.rejects(limiter.check(Subject.ip('nowhere'), '5/minute'), CannotIdentify);
  assert.throws(() => Subject.ip(undefined), CannotIdentify);
});

test('a client that queues or tries again is warned of, once', async () => {
  const logger = memory();
  const unfit = await LIBRARIES['ioredis 6'](server.port, {
    enableOfflineQueue: true,
    maxRetriesPerRequest: 20,
    autoResendUnfulfilledCommands: true,
  });
  patient({ client: unfit, logger });
  patient({ client: unfit, logger });
  assert.equal(logger.lines.length, 1);
  assert.match(logger.lines[0], /enableOfflineQueue.*maxRetriesPerRequest.*autoResendUnfulfilled/);
  for (const connect of Object.values(LIBRARIES)) {
    patient({ client: await connect(server.port), logger });
  }
  assert.equal(logger.lines.length, 1);
  const queues = await LIBRARIES['node-redis 6'](server.port, { disableOfflineQueue: false });
  patient({ client: queues, logger });
  assert.match(logger.lines[1], /disableOfflineQueue/);
});
