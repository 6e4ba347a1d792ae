/** What a limiter needs of a Redis client, whichever library it is of. */

import { ConfigurationError } from '../errors.js';
import { type IoRedisLike, ioredisStore, isIoRedis } from './ioredis.js';
import { isNodeRedis, type NodeRedisLike, nodeRedisStore } from './node-redis.js';

/** A client of ioredis (or iovalkey) or node-redis: a single one, a cluster, a pool, a sentinel. */
export type RedisClient = IoRedisLike | NodeRedisLike;

/** Sends one command and answers the reply; rejects with the error of the server or the client. */
export type Send = (key: string, words: string[]) => Promise<unknown>;

export interface Store {
  /** Sends a command to where `key` is, at most once, and not after the deadline. */
  readonly send: Send;
  /** One sender per server that takes writes, none of which follows redirections. */
  primaries(): Promise<Send[]>;
  /** What is set otherwise than a limiter needs it, in words. */
  readonly warnings: readonly string[];
}

/** @throws ConfigurationError if `client` is of no known library */
export function storeOf(client: RedisClient, timeoutMs: number): Store {
  if (isIoRedis(client)) return ioredisStore(client, timeoutMs);
  if (isNodeRedis(client)) return nodeRedisStore(client, timeoutMs);
  throw new ConfigurationError('client must be a client or a cluster of ioredis or node-redis');
}
