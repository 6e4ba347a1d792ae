/** No limiter. */

import { serve } from './fastify.mjs';

await serve();
