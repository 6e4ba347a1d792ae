/** Finds out which library a client belongs to. */

import { ConfigurationError } from '../errors.js';
import { ioredisStore } from './ioredis.js';
import { nodeRedisStore } from './node-redis.js';
import type { IoRedisLike, NodeRedisLike, RedisClient, Store, StoreOptions } from './types.js';

/** @throws ConfigurationError if `client` is not a client of a known library */
export function storeOf(client: RedisClient, options: StoreOptions): Store {
  if (isIoRedis(client)) return ioredisStore(client, options.connectTimeoutMs);
  if (isNodeRedis(client)) return nodeRedisStore(client, options);
  throw new ConfigurationError(
    'client must be a client or a cluster of ioredis or node-redis (5 or later), as in ' +
      `createLimiter({ client: new Redis(url) }), not ${kindOf(client)}`,
  );
}

export function isIoRedis(client: unknown): client is IoRedisLike {
  return has(client, 'call', 'sendCommand', 'connect', 'on');
}

export function isNodeRedis(client: unknown): client is NodeRedisLike {
  return has(client, 'sendCommand', 'connect', 'on') && 'isOpen' in (client as object);
}

function has(client: unknown, ...methods: string[]): boolean {
  if (typeof client !== 'object' || client === null) return false;
  return methods.every((name) => typeof (client as Record<string, unknown>)[name] === 'function');
}

/** What was given instead, but not its text, which may hold a password. */
function kindOf(given: unknown): string {
  if (given === undefined || given === null) return `${given}`;
  if (typeof given === 'string') return 'text';
  if (typeof given === 'function') return 'a class or a function: make a client of it';
  if (typeof given !== 'object') return `a ${typeof given}`;
  if (has(given, 'then')) return 'a promise: await it first';
  if (has(given, 'exec')) return 'a pipeline or a transaction';
  if (has(given, 'internal_send_command')) return 'one of node-redis 3';
  return `an object of class ${given.constructor?.name ?? 'Object'}`;
}
