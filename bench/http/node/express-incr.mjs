/** One INCR per request: the least that a counter in Redis can cost. */

import { connect, serve } from './express.mjs';

const redis = await connect();
serve(async (request, _response, next) => {
  await redis.incr(`count:${request.ip}`);
  next();
});
