// A user of the package who writes TypeScript: what must compile, and what must not.
import { createServer } from 'node:http';
import connect from 'connect';
import express, { type Request } from 'express';
import Fastify from 'fastify';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { createClient, createClientPool, createCluster } from 'redis';
import { createLimiter, Limit, type Limiter, type Outcome, Subject } from 'redis-rl';
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

  const fastify = Fastify();
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
