// A user of the package who writes TypeScript: what must compile, and what must not.
import { createServer } from 'node:http';
import connect from 'connect';
import express, { type Request } from 'express';
import Fastify from 'fastify';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { createClient, createClientPool, createCluster } from 'redis';
import {
  type AllOutcome,
  createLimiter,
  type Lease,
  Limit,
  type Limiter,
  type Outcome,
  type Reservation,
  Subject,
} from 'redis-rl';
import { concurrency, limitAll, problemHandler, rateLimit, type Subjects } from 'redis-rl/express';
import { type FastifyConfig, fastifyRateLimit } from 'redis-rl/fastify';
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
  const patient: Outcome = await limiter.check('ann', 'leaky 5/second', { maxWait: 2.5 });
  const both: AllOutcome = await limiter.checkAll([{ who: 'ann', limits: '5/m' }], {
    slot: 'acme',
    maxWait: 2,
    retry: true,
  });
  // @ts-expect-error: seconds
  limiter.check('ann', '5/minute', { maxWait: '2s' });
  // @ts-expect-error: one wait for all
  limiter.checkAll([{ who: 'ann', limits: '5/minute', maxWait: 2 }]);
  const place: Lease = await limiter.lease('ann', 3, '30s', { name: 'uploads' });
  const size: number = await place.run(async () => both.each.length);
  // @ts-expect-error: how long a place is held
  limiter.lease('ann', 3);
  place.release();
  if (patient.wait > size) return place.outcome.retryAfter;
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

  const subjects: Subjects<Request> = {
    user: { limits: '10/minute', key: (req, client) => req.get('x-user') ?? client() },
    team: {
      limits: { free: '5/minute' },
      key: (req) => Subject.of('team', req.get('x-team') ?? 'none', { tier: 'free' }),
      cost: 2,
    },
  };
  const slot = async (req: Request) => req.get('x-tenant') ?? 'none';
  const options = { slot, maxWait: 2, reserve: true };
  app.get('/team/:team', limitAll(limiter, subjects, options), async (req, res) => {
    const left: number | null | undefined = req.rateLimit?.each?.user?.remaining;
    res.json([left, await req.rateLimit?.each?.team?.settle?.(1)]);
  });
  const uploads = { lease: '30s', name: 'uploads', key: () => 'ann' };
  app.post('/uploads', concurrency(limiter, 3, uploads), (_req, res) => res.end());
  app.get('/patient', rateLimit(limiter, { limits: '5/minute', maxWait: 1.5 }));
  // @ts-expect-error: a subject has no name of its own
  limitAll(limiter, { user: { limits: '5/minute', name: 'x' } });
  // @ts-expect-error: places do not wait
  concurrency(limiter, 3, { maxWait: 2 });
  // @ts-expect-error: as text, such as 30s
  concurrency(limiter, 3, { lease: 30 });

  const fastify = Fastify();
  const configs: FastifyConfig[] = [
    { limits: '5/minute', maxWait: 2 },
    { subjects: { user: { limits: '5/minute' } }, maxWait: 2, slot: 'acme' },
    { concurrency: 3, lease: '30s', name: 'uploads' },
  ];
  for (const rl of configs) fastify.get('/x', { config: { rl } }, async () => 'ok');
  const byTeam = { user: { limits: '5/minute' } };
  fastify.get(
    '/team',
    { preHandler: fastify.rl.limitAll(byTeam, { maxWait: 2 }) },
    async (request) => {
      return request.rateLimit?.each?.user?.remaining;
    },
  );
  const three = fastify.rl.concurrency(3, { lease: '1m' });
  fastify.post('/uploads', { onRequest: three }, async () => 'ok');
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
