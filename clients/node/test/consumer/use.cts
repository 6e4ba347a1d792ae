// A user of the package whose TypeScript becomes CommonJS.
import { createClient } from 'redis';
import { createLimiter, type Outcome, Subject } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';

const limiter = createLimiter({ client: createClient() });
export const check = (): Promise<Outcome> => limiter.check(Subject.user(1), '5/minute');
export const parts = [rateLimit(limiter, { limits: '5/minute' }), fastifyRateLimit];
