// The README's examples, run as they are written, but for ports and what they leave to the reader.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { atEnd } from './support/closing.mjs';
import { PORT_TAKEN } from './support/app.mjs';
import { eventually } from './support/eventually.mjs';
import { ask, untimed } from './support/http.mjs';
import { patiently } from './support/limiters.mjs';
import { freePort, NOBODYS_PORT, Server } from './support/servers.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const examplesOf = (text) => [...text.matchAll(/```js\n(.*?)```/gs)].map(([, js]) => js);
const [recipes] = readme.match(/## Recipes\n.*?\n## /s);
const [first, fastify, tiers, several, worker, reserve] = examplesOf(readme.replace(recipes, ''));
const MINE = `
const users = { find: async (token) => token && { id: 7, tier: 'paid' } };
const upload = (req, res) => res.json('up');
const quote = (req, res) => res.json(req.rateLimit.decisions.length);
const generate = async () => 1500;
const [login, health, search] = Array(3).fill(async () => 'ok');
`;

let server;
before(async () => {
  server = await Server.start();
});

/** The first example, on a port that the system chooses; `END` says which. */
const LISTENING = first.replace('app.listen(8000)', "const listening = app.listen(0, '127.0.0.1')");
assert.notEqual(LISTENING, first);
const END = `
if (!listening.listening) await new Promise((done) => listening.once('listening', done));
export const url = 'http://127.0.0.1:' + listening.address().port;
export const end = () => { listening.close(); client.disconnect(); };
`;

/** Runs examples as one module of this package, and answers what it exports. */
async function run(...examples) {
  const folder = mkdtempSync(join(ROOT, 'dist/readme-'));
  atEnd(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'examples.mjs');
  const source = patiently([MINE, ...examples].join('\n'));
  const text = source.replace('redis://localhost:6379', server.url);
  writeFileSync(file, text);
  const ran = await import(pathToFileURL(file));
  atEnd(() => ran.end());
  return ran;
}

test('60 seconds, tiers, and no framework', async () => {
  const { url } = await run(LISTENING, tiers, several, worker, reserve, END);
  const answers = [];
  for (let times = 0; times < 3; times++) answers.push(await ask(url, '/items'));
  const [one, two, three] = answers;
  assert.equal(one.headers['ratelimit-policy'], '"2-per-60s";q=2;w=60');
  assert.deepEqual([one.body, untimed(one)], ['{"left":1}', '"2-per-60s";r=1']);
  assert.equal(two.body, '{"left":0}');
  assert.equal(three.status, 429);
  const wait = three.headers['retry-after'];
  assert.ok(
    readme.includes(three.body.replace(`in ${wait} s`, 'in 60 s').replace(`:${wait}}`, ':60}')),
  );
  assert.equal((await ask(url, '/quotes/A')).body, '1');
  const paid = await ask(url, '/quotes/A', { headers: { authorization: 'x' } });
  assert.equal(paid.body, '2');
  const both = await ask(url, '/team/red', { headers: { authorization: 'x' } });
  assert.equal(untimed(both), '"user";r=9, "team";r=99');
  const upload = await ask(url, '/uploads', { method: 'POST', headers: { authorization: 'x' } });
  assert.equal(upload.headers.ratelimit, '"3-at-once";r=2');
  assert.deepEqual(await server.command('KEYS', '*mail*'), ['rl:mail:user:42']);
  const [[, , , , left]] = await server.command('RL.PEEK', 'rl:tokens:user:ann');
  assert.equal(left, 98_500);
});

test('the eleven recipes do what they say', async () => {
  await server.command('FLUSHALL');
  for (const [name, limit] of [
    ['free', 1],
    ['paid', 9],
  ]) {
    await server.command('RL.POLICY', 'SET', name, 'FIXED', limit, '1m');
  }
  const [shared, ...eleven] = examplesOf(recipes);
  assert.equal(eleven.length, 11);
  for (const recipe of eleven) assert.ok(recipe.trim().split('\n').length <= 6, recipe);
  const plain = LISTENING.replaceAll(/import .*redis-rl.*\n/g, '');
  process.env.NODE_ENV = 'test';
  const { afresh, deliver, url } = await run(shared, plain, ...eleven, END);
  const get = (path, headers) => ask(url, path, { headers });
  const post = (path) => ask(url, path, { method: 'POST' });
  const all = async (count, send) => {
    const statuses = [];
    for (let at = 0; at < count; at++) statuses.push((await send()).status);
    return statuses.join(' ');
  };
  const right = () => post('/login?password=right');
  const wrong = () => post('/login?password=wrong');
  assert.equal(await all(7, right), '200 200 200 200 200 200 200');
  assert.equal(await all(6, wrong), '401 401 401 401 401 429');
  assert.equal((await post('/complete')).body, 'true');
  assert.equal((await post('/complete')).headers.ratelimit.match(/r=\d+/g)[0], 'r=58');
  assert.equal(await all(2, () => get('/orders')), '200 200');
  assert.deepEqual(await server.command('KEYS', '*{acme}*:user:*'), ['rl{acme}:user:user:ann']);
  const [[, limit, , , left]] = await server.command('RL.PEEK', 'rl:tokens:user:ann');
  assert.deepEqual([limit, left], [100_000, 100_000 - 2 * 1_234]);
  const upload = await post('/files');
  assert.equal(upload.headers['ratelimit-policy'], '"files";q=3;qu="concurrent-requests"');
  const turns = [await deliver('partner'), await deliver('partner')];
  assert.deepEqual(turns, [true, true]);
  assert.equal(await all(101, () => get('/search')), Array(101).fill(200).join(' '));
  assert.equal((await server.command('RL.TOP', 'SHADOW')).length, 1);
  await all(120, () => get('/prices'));
  const banned = (await get('/prices')).headers['ratelimit-policy'];
  assert.equal(banned, '"api";q=100;w=60, "api-ban";q=20;w=60');
  assert.equal(await all(2, () => get('/tiers')), '200 429');
  const paid = () => get('/tiers', { 'x-user': 'bob', 'x-tier': 'paid' });
  assert.equal(await all(2, paid), '200 200');
  assert.equal((await get('/behind')).headers['ratelimit-policy'], '"behind";q=100;w=60');
  assert.equal(await all(3, () => get('/tested')), '200 200 200');
  assert.equal(await all(2, () => get('/limited')), '200 429');
  assert.equal(await afresh(), true);
  assert.equal(await all(2, () => get('/limited')), '200 429');
});

test('Fastify', async () => {
  const limiter = first.slice(0, first.indexOf('const app'));
  const end = 'export { app };\nexport const end = () => { app.close(); client.disconnect(); };';
  const { app } = await run(limiter, fastify, end);
  const policy = async (method, url) =>
    (await app.inject({ method, url })).headers['ratelimit-policy'];
  assert.equal(await policy('POST', '/login'), '"login";q=5;w=60');
  assert.equal(await policy('GET', '/health'), undefined);
  assert.equal(await policy('GET', '/search'), '"20-per-1s";q=20;w=1');
  assert.equal(await policy('GET', '/elsewhere'), '"300-per-60s";q=300;w=60');
});

/** Runs a command, and answers what it says. */
function shell(command, cwd) {
  return execFileSync('sh', ['-ec', command], { cwd, encoding: 'utf8', stdio: 'pipe' });
}

test('pasted into an empty folder it runs, or says why not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'redis-rl-empty-'));
  atEnd(() => rmSync(folder, { recursive: true }));
  const [pack, init, install] = readme
    .match(/```sh\n(.*?)```/s)[1]
    .trim()
    .split('\n');
  symlinkSync(join(ROOT, '../..'), join(folder, 'redis-rl'));
  // What the tests have done already is left out; the registry is not asked for what is here.
  const packed = pack.replace(
    'npm ci && npm run build && npm pack',
    `npm pack --pack-destination ${folder}`,
  );
  assert.notEqual(packed, pack);
  shell(packed, folder);
  shell(init, folder);
  const file = install
    .match(/redis-rl\S*\.tgz/)[0]
    .split('/')
    .at(-1);
  shell(`npm install --offline --legacy-peer-deps ./${file}`, folder);
  for (const name of ['express', 'ioredis']) {
    assert.ok(install.includes(` ${name}`));
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  const start = (url, port) => {
    const text = patiently(first).replace('redis://localhost:6379', url).replace('8000', `${port}`);
    writeFileSync(join(folder, 'app.js'), text);
    const app = spawn(process.execPath, ['app.js'], { cwd: folder });
    atEnd(() => app.kill('SIGKILL'));
    app.said = '';
    app.stderr.on('data', (data) => {
      app.said += data;
    });
    return app;
  };
  await server.command('FLUSHALL');
  let app;
  let url;
  do {
    const port = await freePort();
    app = start(server.url, port);
    url = `http://127.0.0.1:${port}`;
    await eventually(() =>
      ask(url, '/items').then(
        ({ status }) => status === 200,
        () => app.exitCode !== null,
      ),
    );
  } while (PORT_TAKEN.test(app.said));
  assert.equal((await ask(url, '/items')).json().left, 0, app.said);
  const failing = start(`redis://localhost:${NOBODYS_PORT}`, await freePort());
  const [code] = await once(failing, 'exit');
  assert.equal(code, 1);
  await eventually(() => /StoreUnavailable: .*ECONNREFUSED/.test(failing.said));
});
