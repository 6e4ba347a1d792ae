/** redis-rl's helper. */

import { createLimiter } from 'redis-rl';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { connect, serve } from './fastify.mjs';
import { LIMIT, PATIENCE_MS } from './items.mjs';

const limiter = createLimiter({ client: connect(), timeoutMs: PATIENCE_MS });
await serve((app) => app.register(fastifyRateLimit, { limiter, limits: `${LIMIT}/minute` }));
