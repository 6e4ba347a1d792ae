// The example apps as users start them, route by route, and through outages.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { startExample } from './support/app.mjs';
import { eventually } from './support/eventually.mjs';
import { ask, untimed } from './support/http.mjs';
import { freePort, Server } from './support/servers.mjs';

let server;
let app;
let url;
before(async () => {
  server = await Server.start();
  app = await startExample('app.mjs', { REDIS_URL: server.url });
  url = app.url;
});
beforeEach(() => server.command('FLUSHALL'));

const get = (path, headers) => ask(url, path, { headers });
const post = (path) => ask(url, path, { method: 'POST' });
const keys = async () => (await server.command('KEYS', '*')).sort().map(decodeURIComponent);

async function deniedAfter(times, send) {
  for (let at = 0; at < times; at++) assert.ok((await send(at)).status < 300);
  const denied = await send(times);
  assert.equal(denied.status, 429);
  assert.equal(denied.headers['content-type'], 'application/problem+json');
  assert.equal(denied.headers['cache-control'], 'no-store');
  assert.ok(Number(denied.headers['retry-after']) >= 1);
  return denied;
}

test('/items and /items/{id} have a budget each, which all ids share', async () => {
  assert.deepEqual((await get('/items')).json(), [{ item: 'Foo' }, { item: 'Bar' }]);
  await deniedAfter(4, () => get('/items'));
  assert.deepEqual((await get('/items/7')).json(), { item: '7' });
  await deniedAfter(4, (at) => get(`/items/${at}`));
  assert.deepEqual(await keys(), ['rl:GET /items/{id}:ip:127.0.0.1', 'rl:GET /items:ip:127.0.0.1']);
});

test('/create_item', async () => {
  const made = await post('/create_item');
  assert.deepEqual([made.status, made.json()], [201, { message: 'Item created' }]);
  assert.equal(made.headers['ratelimit-policy'], '"1-per-1s";q=1;w=1');
});

test('/user_data knows an account by its token, and others by their address', async () => {
  const authorization = 'Bearer user123_token';
  assert.equal((await get('/user_data', { authorization })).json().requests_left, 9);
  assert.equal((await get('/user_data', { authorization: 'Bearer x' })).json().requests_left, 9);
  await deniedAfter(9, () => get('/user_data', { authorization }));
  assert.deepEqual(await keys(), [
    'rl:GET /user_data:ip:127.0.0.1',
    'rl:GET /user_data:user:user123',
  ]);
});

test('/quotes/{symbol} has tiers', async () => {
  const { symbol, price, requests_left } = (await get('/quotes/ACME')).json();
  assert.deepEqual([symbol, typeof price, requests_left], ['ACME', 'number', 99]);
  const paid = await get('/quotes/ACME', { authorization: 'Bearer paid_token' });
  assert.equal(paid.json().requests_left, 19);
  assert.equal(
    paid.headers['ratelimit-policy'],
    '"1000-per-60s";q=1000;w=60, "20-per-1s";q=20;w=1',
  );
});

test('/login is limited by the name', async () => {
  const denied = await deniedAfter(5, () => post('/login'));
  assert.deepEqual(denied.json()['violated-policies'], ['login']);
  assert.deepEqual(await keys(), ['rl:login:ip:127.0.0.1']);
});

test('/report has two limits, and charges neither when one denies', async () => {
  const denied = await deniedAfter(2, () => get('/report'));
  assert.equal(
    denied.headers['ratelimit-policy'],
    '"report-minute";q=2;w=60, "report-hour";q=100;w=3600',
  );
  assert.match(denied.headers.ratelimit, /^"report-minute";r=0;t=\d+$/);
  const stands = await server.command('RL.PEEK', 'rl:report:ip:127.0.0.1');
  assert.deepEqual(
    stands.map((row) => row[4]),
    [0, 98],
  );
});

test('/export costs its pages, and nothing if they make no sense', async () => {
  assert.deepEqual((await get('/export?pages=4')).json(), { pages: 4 });
  assert.equal(untimed(await get('/export')), '"10-per-60s";r=5');
  for (const pages of ['0', '-1', '1.5', 'x', '', '05', '1&pages=2']) {
    assert.equal((await get(`/export?pages=${pages}`)).status, 400, pages);
  }
  for (const pages of ['11', '9'.repeat(30)]) {
    const never = await get(`/export?pages=${pages}`);
    assert.deepEqual([never.status, never.headers['retry-after']], [429, undefined]);
  }
  assert.equal(untimed(await get('/export?pages=5')), '"10-per-60s";r=0');
});

test('/stream, /slow, /boom and /health', async () => {
  const stream = await get('/stream');
  assert.equal(stream.body, 'a\nb\nc\n');
  assert.equal(stream.headers['ratelimit-policy'], '"token-10-per-1s";q=20;w=2');
  const start = performance.now();
  const crowd = [1, 2, 3, 4, 5, 6, 7, 8];
  const waits = (await Promise.all(crowd.map(() => get('/slow')))).map(
    (slow) => slow.json().waited_ms,
  );
  assert.ok(performance.now() - start >= Math.max(...waits));
  assert.ok(Math.max(...waits) > 300 && Math.min(...waits) === 0);
  const boom = await get('/boom');
  assert.deepEqual([boom.status, untimed(boom)], [500, '"5-per-60s";r=4']);
  const health = await get('/health');
  assert.deepEqual([health.json(), health.headers.ratelimit], [{ ok: true }, undefined]);
});

test('/trial, /guarded and /plan', async () => {
  await server.command('RL.POLICY', 'SET', 'plan', 'FIXED', 2, '1m');
  await deniedAfter(2, () => get('/plan'));
  for (let left = 99; left > 95; left--) {
    assert.equal(untimed(await get('/trial')), `"trial";r=${left}`);
  }
  assert.deepEqual(await server.command('RL.TOP', 'SHADOW'), [['rl:trial:ip:127.0.0.1', 2]]);
  await deniedAfter(3, () => get('/guarded'));
  await get('/guarded');
  const banned = await get('/guarded');
  assert.deepEqual(banned.json()['violated-policies'], ['guarded', 'guarded-ban']);
});

test('/signin counts failures only', async () => {
  const signIn = (password) => post(`/signin?password=${password}`);
  for (let times = 0; times < 5; times++) {
    const good = await signIn('right');
    assert.deepEqual([good.json(), untimed(good)], [{ ok: true }, '"signin";r=3']);
  }
  for (let left = 2; left >= 0; left--) {
    const bad = await signIn('wrong');
    assert.deepEqual([bad.status, untimed(bad)], [401, `"signin";r=${left}`]);
  }
  assert.equal((await signIn('right')).status, 429);
});

test('/generate charges an estimate, and corrects it', async () => {
  const answer = await post('/generate?estimate=600&actual=250');
  assert.deepEqual(answer.json(), { charged: 250, requests_left: 750 });
  assert.equal(untimed(answer), '"tokens";r=750');
  assert.equal((await post('/generate?estimate=751&actual=1')).status, 429);
  for (const query of ['estimate=0&actual=1', 'estimate=1&actual=0', 'estimate=x&actual=1']) {
    assert.equal((await post(`/generate?${query}`)).status, 400);
  }
  assert.equal((await post('/generate?estimate=750&actual=1')).json().requests_left, 749);
});

test('HEAD counts as GET, OPTIONS not at all, and spellings share a budget', async () => {
  await ask(url, '/items', { method: 'HEAD' });
  await ask(url, '/items', { method: 'OPTIONS' });
  for (const path of ['/ITEMS', '/items/', '/items?x=1']) await get(path);
  assert.equal(untimed(await get('/items')), '"5-per-60s";r=0');
});

test('X-Forwarded-For is not read, unless from a proxy that is trusted', async () => {
  await get('/items', { 'x-forwarded-for': '192.0.2.1' });
  const proxied = await startExample('app.mjs', {
    REDIS_URL: server.url,
    TRUSTED_PROXIES: '127.0.0.0/8,10.0.0.0/8',
    RL_PREFIX: 'proxied',
  });
  const forwarded = { 'x-forwarded-for': '6.6.6.6, 192.0.2.1, 10.0.0.1' };
  await ask(proxied.url, '/items', { headers: forwarded });
  await ask(proxied.url, '/user_data', { headers: forwarded });
  await ask(proxied.url, '/items', { headers: { 'x-forwarded-for': '192.0.2.1, x, 10.0.0.1' } });
  assert.deepEqual(await keys(), [
    'proxied:GET /items:ip:10.0.0.1',
    'proxied:GET /items:ip:192.0.2.1',
    'proxied:GET /user_data:ip:192.0.2.1',
    'rl:GET /items:ip:127.0.0.1',
  ]);
});

test('outages are answered as ON_ERROR says, and are over when Redis is back', async () => {
  const port = await freePort();
  const environment = { REDIS_URL: `redis://127.0.0.1:${port}`, RL_TIMEOUT_MS: '100' };
  const closed = await startExample('app.mjs', environment);
  const open = await startExample('app.mjs', { ...environment, ON_ERROR: 'open' });
  const both = async () => [await ask(closed.url, '/items'), await ask(open.url, '/items')];
  const statuses = async () => (await both()).map(({ status }) => status);

  assert.match(closed.output, /Starting anyway/);
  assert.deepEqual(await statuses(), [503, 200]);
  const first = await Server.start({ port });
  await eventually(async () => (await both()).every(({ headers }) => headers.ratelimit));
  first.signal('SIGSTOP');
  const start = performance.now();
  assert.deepEqual(await statuses(), [503, 200]);
  assert.ok(performance.now() - start < 10_000);
  await first.stop();
  await eventually(async () => String(await statuses()) === '503,200');

  const bare = await Server.start({ port, module: false });
  await eventually(async () => String(await statuses()) === '503,503');
  // There is a line a second at most, and one may just have told of the outage.
  const told = () => /redis-rl module must be loaded/.test(open.output);
  await eventually(async () => (await both(), told()));
  await bare.stop();
  await Server.start({ port });
  await eventually(async () => (await both()).every(({ headers }) => headers.ratelimit));
});

test('what is wrong at the start is said, and ends it', async () => {
  const bare = await Server.start({ module: false });
  const wrong = [
    [{ REDIS_URL: bare.url }, /redis-rl module must be loaded.*loadmodule/],
    [{ REDIS_URL: server.url, TRUSTED_PROXIES: '10.0.0.0/40' }, /trustedProxies.*10\.0\.0\.0\/40/],
    [{ REDIS_URL: server.url, ON_ERROR: 'maybe' }, /onError must be.*maybe/],
  ];
  for (const [environment, message] of wrong) {
    const example = await startExample('app.mjs', environment);
    assert.equal(await example.ended, 1);
    assert.match(example.output, message);
  }
});

for (const name of ['app.mjs', 'fastify.mjs']) {
  test(`${name} ends cleanly at SIGTERM`, async () => {
    const example = await startExample(name, { REDIS_URL: server.url });
    await ask(example.url, '/items', { headers: { connection: 'keep-alive' } });
    example.process.kill('SIGTERM');
    assert.equal(await example.ended, 0);
  });
}

test('the Fastify example limits all, some, and none', async () => {
  const fastify = await startExample('fastify.mjs', { REDIS_URL: server.url });
  const policy = async (path, options) =>
    (await ask(fastify.url, path, options)).headers['ratelimit-policy'];
  assert.equal(await policy('/items'), '"300-per-60s";q=300;w=60');
  assert.equal(await policy('/login', { method: 'POST' }), '"login";q=5;w=60');
  assert.equal(await policy('/health'), undefined);
  assert.match(await policy('/search'), /^"search-second";q=20;w=1, "search-hour";q=1000;w=3600$/);
  const headers = { authorization: 'Bearer user123_token' };
  assert.equal((await ask(fastify.url, '/search', { headers })).json().requests_left, 19);
});
