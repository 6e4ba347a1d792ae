// A Fastify app with limits; the same environment as app.mjs.
//
//   npm ci && npm run build && node examples/fastify.mjs
import Fastify from 'fastify';
import { Subject } from 'redis-rl';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { endWith, limiterOfEnvironment, LISTEN_OPTIONS, WHERE } from './settings.mjs';

const { limiter, redis } = await limiterOfEnvironment();
const app = Fastify();

// 300 a minute for all routes together, except those with limits of their own.
await app.register(fastifyRateLimit, { limiter, limits: '300/minute' });

app.get('/items', async () => [{ item: 'Foo' }, { item: 'Bar' }]);

app.post('/login', { config: { rl: { name: 'login', limits: '5/minute' } } }, async () => ({
  ok: true,
}));

app.get('/health', { config: { rl: false } }, async () => ({ ok: true }));

// A hook sees what earlier hooks found out, such as who is logged in.
app.decorateRequest('user', null);
app.addHook('onRequest', async (request) => {
  if (request.headers.authorization === 'Bearer user123_token') request.user = 'user123';
});
const perUser = app.rl({
  name: 'search',
  limits: '20/second; 1000/hour',
  key: (request, client) => (request.user ? Subject.user(request.user) : client()),
});
app.get('/search', { config: { rl: false }, preHandler: perUser }, async (request) => ({
  requests_left: request.rateLimit.requestsLeft,
}));

await app.listen(LISTEN_OPTIONS);
console.log(`Listening on ${WHERE}`);
endWith(async () => {
  await app.close();
  redis.disconnect();
});
