// A user of the package whose TypeScript resolves as it did before `exports`.
import { createLimiter, fieldsOf, Subject, WholeKey } from 'redis-rl';
import { concurrency, limitAll, rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';

const limiter = createLimiter({ enabled: false, client: undefined as never });
export const checks = [
  limiter.check(Subject.user(1), '5/minute'),
  limiter.check(new WholeKey('k'), '1/s'),
];
export const subjects = limitAll(limiter, { user: { limits: '5/minute' } }, { maxWait: 2 });
export const places = concurrency(limiter, 3, { lease: '30s' });
export const parts = [rateLimit(limiter, { limits: { free: '5/minute' } }), fastifyRateLimit];
export const headers = async () => new Headers(fieldsOf(await limiter.check('ann', 'policy api')));
