/** An app of Express behind a middleware. */

import express from 'express';
import { createClient } from 'redis';
import { ADDRESS, items, PATH, REDIS_URL } from './items.mjs';

/** A connection to Redis, as node-redis makes it. */
export const connect = () => createClient({ url: REDIS_URL }).connect();

/** Serve the route, with what stands before its handler. */
export function serve(...before) {
  const app = express();
  app.get(PATH, ...before, (_request, response) => {
    response.json(items());
  });
  app.listen(ADDRESS.port, ADDRESS.host);
}
