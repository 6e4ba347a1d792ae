/** An app of Fastify behind a plugin or a hook. */

import Fastify from 'fastify';
import { Redis } from 'ioredis';
import { ADDRESS, items, PATH, REDIS_URL } from './items.mjs';

/** A connection to Redis, as ioredis makes it. */
export const connect = () => new Redis(REDIS_URL);

/** Serve the route; `prepare` adds to the app what stands before its handler. */
export async function serve(prepare) {
  const app = Fastify();
  await prepare?.(app);
  app.get(PATH, async () => items());
  await app.listen(ADDRESS);
}
