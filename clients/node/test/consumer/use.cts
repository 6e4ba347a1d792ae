// A user of the package whose TypeScript becomes CommonJS.
import { createClient } from 'redis';
import { createLimiter, type Outcome, Subject } from 'redis-rl';
import { concurrency, limitAll, rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';

const limiter = createLimiter({ client: createClient() });
export const check = (): Promise<Outcome> => limiter.check(Subject.user(1), '5/minute');
export const subjects = limitAll(limiter, { user: { limits: '5/minute' } }, { maxWait: 2 });
export const places = concurrency(limiter, 3, { lease: '30s' });
export const parts = [rateLimit(limiter, { limits: '5/minute' }), fastifyRateLimit];
