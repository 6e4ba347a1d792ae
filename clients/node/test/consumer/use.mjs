// A user of the package who writes ES modules.
import { createRequire } from 'node:module';
import { createLimiter, StoreUnavailable, Subject } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';

const { name } = createRequire(import.meta.url)('redis-rl/package.json');
console.log(name, typeof createLimiter, typeof rateLimit, typeof fastifyRateLimit);
console.log(Subject.user(1).kind, new StoreUnavailable('x').code);
