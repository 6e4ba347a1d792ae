/** express-rate-limit over rate-limit-redis. */

import { rateLimit } from 'express-rate-limit';
import { RedisStore } from 'rate-limit-redis';
import { connect, serve } from './express.mjs';
import { LIMIT, WINDOW_MS } from './items.mjs';

const redis = await connect();
const store = new RedisStore({ sendCommand: (...words) => redis.sendCommand(words) });
serve(rateLimit({ windowMs: WINDOW_MS, limit: LIMIT, standardHeaders: 'draft-8', store }));
