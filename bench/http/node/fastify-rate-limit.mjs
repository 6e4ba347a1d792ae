/** @fastify/rate-limit. */

import rateLimit from '@fastify/rate-limit';
import { connect, serve } from './fastify.mjs';
import { LIMIT, WINDOW_MS } from './items.mjs';

const redis = connect();
await serve((app) => app.register(rateLimit, { max: LIMIT, timeWindow: WINDOW_MS, redis }));
