/** One INCR per request: the least that a counter in Redis can cost. */

import { connect, serve } from './fastify.mjs';

const redis = connect();
await serve((app) => {
  app.addHook('onRequest', async (request) => {
    await redis.incr(`count:${request.ip}`);
  });
});
