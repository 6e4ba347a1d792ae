// An Express app with every kind of limit. Its environment: PORT, or SOCKET (a Unix socket to serve
// instead), REDIS_URL, ON_ERROR, TRUSTED_PROXIES, RL_PREFIX and RL_TIMEOUT_MS (the deadline of a
// check). Start a Redis that has the module, then
//
//   npm ci && npm run build && node examples/app.mjs
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { Subject } from 'redis-rl';
import { concurrency, limitAll, problemHandler, rateLimit } from 'redis-rl/express';
import { endWith, limiterOfEnvironment, LISTEN, stop, WHERE } from './settings.mjs';

const { limiter, redis } = await limiterOfEnvironment();
const app = express();
const limited = (limits, options) => rateLimit(limiter, { limits, ...options });

app.get('/items', limited('5/minute'), (_req, res) => {
  res.json([{ item: 'Foo' }, { item: 'Bar' }]);
});

app.get('/items/:id', limited('5/minute'), (req, res) => {
  res.json({ item: req.params.id });
});

app.post('/create_item', limited('1/second'), (_req, res) => {
  res.status(201).json({ message: 'Item created' });
});

// An account has its own budget, wherever it comes from; strangers share their address's budget.
const tokenOf = (req) => /^bearer +(\S+)$/i.exec(req.get('authorization') ?? '')?.[1];
const byUser = (req, client) =>
  tokenOf(req) === 'user123_token' ? Subject.user('user123') : client();

app.get('/user_data', limited('10/minute', { key: byUser }), (req, res) => {
  res.json({ message: 'This is your data', requests_left: req.rateLimit.requestsLeft });
});

const byTier = (req, client) =>
  tokenOf(req) === 'paid_token'
    ? Subject.user('paid', { tier: 'paid' })
    : client({ tier: 'anonymous' });
const TIERS = { anonymous: '100/minute', paid: '1000/minute; 20/second' };

app.get(
  '/quotes/:symbol',
  rateLimit(limiter, { key: byTier, limits: (_req, who) => TIERS[who.tier] }),
  (req, res) => {
    const { symbol } = req.params;
    res.json({ symbol, price: 101.25, requests_left: req.rateLimit.requestsLeft });
  },
);

app.post('/login', limited('5/minute', { name: 'login' }), (_req, res) => {
  res.json({ ok: true });
});

app.get('/report', limited('2/minute; 100/hour', { name: 'report' }), (_req, res) => {
  res.json({ ok: true });
});

// A number that makes no sense is refused before it is charged.
const MAX_COST = 10 ** 12;
const number = (name, otherwise) => (req, res, next) => {
  const { [name]: text = otherwise } = req.query;
  if (!/^[1-9][0-9]*$/.test(text)) {
    return res.status(400).json({ detail: `${name} must be an integer of at least 1` });
  }
  res.locals[name] = Math.min(Number(text), MAX_COST);
  next();
};
const pagesOf = ({ res }) => res.locals.pages;

app.get('/export', number('pages', '1'), limited('10/minute', { cost: pagesOf }), (_req, res) => {
  res.json({ pages: res.locals.pages });
});

app.get('/stream', limited('token 10/second burst 20'), async (_req, res) => {
  res.type('text/plain');
  for (const chunk of ['a\n', 'b\n', 'c\n']) {
    res.write(chunk);
    await sleep(20);
  }
  res.end();
});

app.get('/slow', limited('leaky 5/second burst 10', { wait: true }), (req, res) => {
  res.json({ waited_ms: Math.round(req.rateLimit.wait * 1000) });
});

app.get('/boom', limited('5/minute'), () => {
  throw new Error('boom');
});

// Only failures count: charged before, and given back after a success.
const failed = (res) => res.statusCode >= 400;

app.post('/signin', limited('3/15 minutes', { name: 'signin', countIf: failed }), (req, res) => {
  if (req.query.password === 'right') return res.json({ ok: true });
  res.status(401).json({ detail: 'wrong password' });
});

// What a request costs is known afterwards: the estimate is charged, then corrected.
const estimateOf = ({ res }) => res.locals.estimate;

app.post(
  '/generate',
  number('estimate'),
  number('actual'),
  limited('fixed 1000/minute', { name: 'tokens', cost: estimateOf, reserve: true }),
  async (req, res) => {
    const { actual } = res.locals;
    await req.rateLimit.settle(actual);
    res.json({ charged: actual, requests_left: req.rateLimit.requestsLeft });
  },
);

// A user and a team at once, in one command: both are charged, or neither.
const byTeam = (req) => Subject.of('team', req.params.team);
const userAndTeam = {
  user: { limits: '10/minute', key: byUser },
  team: { limits: '15/minute', key: byTeam },
};

app.get('/team/:team', limitAll(limiter, userAndTeam), (req, res) => {
  res.json({ team: req.params.team });
});

// Two at once. If this process is killed, their places are free after five seconds.
app.get('/busy', concurrency(limiter, 2, { lease: '5s', name: 'busy' }), async (req, res) => {
  await sleep(Number(req.query.ms ?? 0));
  if (req.query.fail) throw new Error('busy and failing');
  res.json({ ok: true });
});

const ok = (_req, res) => res.json({ ok: true });

// Its limits are whatever RL.POLICY SET says.
app.get('/plan', limited('policy plan'), ok);

// What 2 a minute would refuse shows in RL.TOP SHADOW, and nowhere else.
app.get('/trial', limited('100/minute; shadow 2/minute', { name: 'trial' }), ok);

// Whoever does not wait as told is shut out.
app.get('/guarded', limited('3/minute; ban 1m after 2/minute', { name: 'guarded' }), ok);

// Waits for up to a second instead of refusing.
const patient = { name: 'patient', maxWait: 1 };

app.get('/patient', limited('token 5/second burst 1', patient), ok);

app.get('/health', (_req, res) => {
  res.json({ ok: true });
});

app.use(problemHandler());
app.use((error, _req, res, next) => {
  if (res.headersSent) return next(error);
  console.error(error);
  res.status(error.status ?? 500).json({ detail: 'Internal Server Error' });
});

const server = app.listen(...LISTEN, (error) => {
  if (error) stop(error.message);
  console.log(`Listening on ${WHERE}`);
});
endWith(() => {
  server.close();
  redis.disconnect();
});
