/** redis-rl's helper. */

import { createLimiter } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { connect, serve } from './express.mjs';
import { LIMIT, PATIENCE_MS } from './items.mjs';

const limiter = createLimiter({ client: await connect(), timeoutMs: PATIENCE_MS });
serve(rateLimit(limiter, { limits: `${LIMIT}/minute` }));
