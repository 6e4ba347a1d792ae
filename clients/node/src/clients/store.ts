/** What a limiter needs of a Redis client, whichever library it is of. */

import { ConfigurationError } from '../errors.js';
import { type IoRedisLike, ioredisStore, isIoRedis } from './ioredis.js';
import { isNodeRedis, type NodeRedisLike, nodeRedisStore } from './node-redis.js';

/** A client of ioredis (or iovalkey) or node-redis: a single one, a cluster, a pool, a sentinel. */
export type RedisClient = IoRedisLike | NodeRedisLike;

/** A command and its one key. */
export interface Command {
  readonly name: string;
  readonly key: string;
  /** What follows the key. */
  readonly rest: readonly string[];
}

/**
 * Sends one command and answers the reply; rejects with the error of the server or the client.
 *
 * @param until when nobody waits for it any more, in the milliseconds of `performance.now()`
 * @param crowded whether it is worth while to wait for more of this turn of the event loop
 */
export type Send = (command: Command, until: number, crowded: boolean) => Promise<unknown>;

export interface Store {
  /** Sends a command to where its key is, at most once, and not after the deadline. */
  readonly send: Send;
  /** One sender per server that takes writes, none of which follows redirections. */
  primaries(): Promise<Send[]>;
  /** What is set otherwise than a limiter needs it, in words. */
  readonly warnings: readonly string[];
}

/** @throws ConfigurationError if `client` is of no known library */
export function storeOf(client: RedisClient, timeoutMs: number): Store {
  if (isIoRedis(client)) return ioredisStore(client);
  if (isNodeRedis(client)) return nodeRedisStore(client, timeoutMs);
  throw new ConfigurationError('client must be a client or a cluster of ioredis or node-redis');
}
