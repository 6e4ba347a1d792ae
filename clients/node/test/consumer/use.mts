// A user of the package who writes TypeScript: what must compile, and what must not.
import { createServer } from 'node:http';
import connect from 'connect';
import express, { type Request } from 'express';
import Fastify from 'fastify';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { createClient, createClientPool, createCluster } from 'redis';
import {
  createLimiter,
  Limit,
  type Limiter,
  type Outcome,
  type Reservation,
  Subject,
} from 'redis-rl';
import { problemHandler, rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { createClient as createClient5 } from 'redis5';

const url = 'redis://127.0.0.1:6379';
export const limiters: Limiter[] = [
  createLimiter({ client: new Redis({ lazyConnect: true }) }),
  createLimiter({ client: new Redis5({ lazyConnect: true }) }),
  createLimiter({ client: new Redis.Cluster([], { lazyConnect: true }) }),
  createLimiter({ client: createClient({ url }) }),
  createLimiter({ client: createClient5({ url }) }),
  createLimiter({ client: createClientPool({ url }) }),
  createLimiter({ client: createCluster({ rootNodes: [{ url }] }) }),
];
export const off: Limiter = createLimiter({ enabled: false });
// @ts-expect-error: no client
export const noClient = () => createLimiter({ prefix: 'x' });
// @ts-expect-error: not a mode
export const wrongMode = { client: createClient(), onError: 'ajar' } satisfies Parameters<
  typeof createLimiter
>[0];
// @ts-expect-error: not a client
export const wrongClient = () => createLimiter({ client: 'redis://' });

export async function use(limiter: Limiter): Promise<number | null> {
  const outcome: Outcome = await limiter.check(Subject.user(1), [Limit.perMinute(5), '100/hour'], {
    name: 'login',
    cost: 2,
  });
  const trial: Outcome = await limiter.check(1n.toString(), [
    Limit.perMinute(5),
    Limit.shadow('2/second'),
    Limit.ban('15m', { after: '20/minute', upTo: '1d' }),
  ]);
  const reserved: Reservation = await limiter.reserve('ann', '9/hour', { cost: 5 });
  const known: boolean = await reserved.settle(2);
  const done: string = await reserved.run(() => 'x');
  const all = await limiter.checkAll([
    { who: 'ann', limits: '10/minute', name: 'user' },
    { who: Subject.of('team', 7), limits: '15/minute', name: 'team', cost: 2 },
  ]);
  if (!all.allowed) return all.each[0]?.retryAfter ?? null;
  if (known && done) return trial.ban?.remaining ?? reserved.outcome.remaining;
  return outcome.tightest?.retryAfter ?? outcome.remaining;
}

export function routes(limiter: Limiter) {
  const app = express();
  const key = (req: Request) => Subject.ip(req.ip, { tier: 'free' });
  app.get(
    '/',
    rateLimit(limiter, { limits: (_req, who) => (who.tier ? '5/minute' : null), key }),
    (req, res) => {
      res.json(req.rateLimit?.requestsLeft);
    },
  );
  const plain = connect();
  plain.use(rateLimit(limiter, { limits: '5/minute', exempt: async (req) => req.ip === '::1' }));
  createServer((req, res) => rateLimit(limiter, { limits: '5/minute' })(req, res, () => res.end()));
  // @ts-expect-error: no limits
  rateLimit(limiter, { name: 'x' });
  app.use(problemHandler());

  const countIf = (res: express.Response) => res.statusCode >= 400;
  app.post('/login', rateLimit(limiter, { limits: '3/15 minutes', countIf }), (_req, res) => {
    res.end();
  });
  const reserving = rateLimit(limiter, { limits: '1000/hour', cost: 9, reserve: true });
  app.post('/generate', reserving, async (req, res) => {
    res.json(await req.rateLimit?.settle?.(5));
  });

  const fastify = Fastify();
  fastify.post(
    '/login',
    { config: { rl: { limits: '3/15 minutes', countIf: (reply) => reply.statusCode >= 400 } } },
    async () => 'ok',
  );
  fastify.register(fastifyRateLimit, { limiter, limits: '300/minute' });
  fastify.get(
    '/',
    { config: { rl: { limits: '5/minute' } } },
    async (request) => request.rateLimit,
  );
  fastify.get('/health', { config: { rl: false } }, async () => 'ok');
  fastify.get('/search', { preHandler: fastify.rl({ limits: '9/s' }) }, async () => 'ok');
  return [app, fastify];
}
