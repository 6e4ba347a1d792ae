/** What a limiter needs of a Redis client of any library. */

/** A command and the one key that says where it belongs. */
export interface Command {
  readonly name: string;
  readonly key: string;
  /** What follows the key. */
  readonly rest: readonly string[];
  /** Whether the key is left out, and only says which node is asked. */
  readonly keyless?: boolean;
  /** Whether it may be sent again when the connection broke before its reply. */
  readonly repeatable?: boolean;
}

/** How long somebody waits, which grows where this process was late. */
export interface Patience {
  /** In milliseconds of our clock. */
  readonly until: number;
}

/**
 * Sends one command and answers the reply; rejects with the error of the server or the client.
 *
 * @param patience until when somebody waits for it
 * @param crowded whether it is worth while to wait for more of this turn of the event loop
 */
export type Send = (command: Command, patience: Patience, crowded: boolean) => Promise<unknown>;

/** What a store is told of its limiter. */
export interface StoreOptions {
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** Why there is no connection. */
export interface Trouble {
  readonly error: unknown;
  /** In words, without passwords. */
  readonly text: string;
}

export interface Store {
  /** Sends a command to where its key is, at most once, and not after the deadline. */
  readonly send: Send;
  /** One sender per server that takes writes, none of which follows redirections. */
  primaries(patience: Patience): Promise<Send[]>;
  /** Whether keys lie on several nodes, by their slots. */
  readonly isCluster: boolean;
  /** Whether a connection is there. */
  isReady(): boolean;
  /** Resolves when a connection is there again, or the patience is over. */
  back(patience: Patience): Promise<void>;
  /** Why there is no connection, if the client told. */
  trouble(): Trouble | undefined;
  /** What must not stand in errors and logs. */
  readonly secrets: readonly string[];
  /** What is set otherwise than a limiter needs it, in words. */
  readonly warnings: readonly string[];
}

/* eslint-disable @typescript-eslint/no-explicit-any --
   Types of the libraries' classes, which differ between versions and are not imported. */
/** What is used of a Redis or a Cluster of ioredis 5 or 6. */
export interface IoRedisLike {
  call(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>;
  sendCommand(command: any): unknown;
  connect(...args: any[]): Promise<unknown>;
  on(event: any, listener: (...args: any[]) => void): unknown;
  readonly options: any;
  readonly status: string;
  readonly isCluster?: boolean;
  nodes?(role?: any): any[];
}

/** What is used of a client, pool, cluster or sentinel of node-redis 5 or 6. */
export interface NodeRedisLike {
  sendCommand(...args: any[]): Promise<any>;
  connect(...args: any[]): Promise<unknown>;
  on(event: any, listener: (...args: any[]) => void): unknown;
  readonly isOpen: boolean;
  readonly isReady?: boolean;
  readonly options?: unknown;
}
/* eslint-enable @typescript-eslint/no-explicit-any */

/** A client of ioredis (or iovalkey) or node-redis: a single one, a cluster, a pool, a sentinel. */
export type RedisClient = IoRedisLike | NodeRedisLike;
