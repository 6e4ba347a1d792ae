/** ioredis and iovalkey: single servers, Sentinel and clusters. */

import type { Writable } from 'node:stream';
import type { Send, Store } from './store.js';

/* eslint-disable @typescript-eslint/no-explicit-any --
   Types of Redis, Cluster and Command, which differ between versions and are not imported. */
/** What is used of a Redis or a Cluster of ioredis 5 or 6. */
export interface IoRedisLike {
  call(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>;
  sendCommand(command: any): unknown;
  readonly options: any;
  readonly isCluster?: boolean;
  nodes?(role?: any): any[];
}
/* eslint-enable @typescript-eslint/no-explicit-any */

/** A command of ioredis. */
interface Command {
  keys: string[];
  promise: Promise<unknown>;
  reject(error: Error): void;
  toWritable(stream: Writable): unknown;
}
type CommandClass = new (name: string, args: string[], options: { replyEncoding: null }) => Command;

export function isIoRedis(client: unknown): client is IoRedisLike {
  const { call, sendCommand } = (client ?? {}) as Partial<IoRedisLike>;
  return typeof call === 'function' && typeof sendCommand === 'function';
}

export function ioredisStore(client: IoRedisLike, timeoutMs: number): Store {
  const Charge = chargeClass(commandClass(client), timeoutMs);
  const plainSend =
    (to: IoRedisLike): Send =>
    (key, words) => {
      const charge = new Charge(key, words);
      to.sendCommand(charge);
      return charge.promise;
    };
  const options = client.options as Options;
  if (!client.isCluster) {
    const send = plainSend(client);
    return { send, primaries: async () => [send], warnings: warnings(options) };
  }
  return {
    send(key, words) {
      const charge = new Charge(key, words);
      const settle = charge.reject;
      client.sendCommand(charge);
      // The cluster sends again whatever its own reject is given: only refusals may come to it.
      const redirect = charge.reject;
      charge.reject = (error) => {
        if (!REFUSED.test(error.message)) return settle.call(charge, error);
        charge.written = false;
        redirect.call(charge, error);
      };
      return charge.promise;
    },
    async primaries() {
      return ((client.nodes?.('master') ?? []) as IoRedisLike[]).map(plainSend);
    },
    warnings: warnings({ ...options.redisOptions, ...options }),
  };
}

/** Errors of a cluster's node that did not run the command. */
const REFUSED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /;

const PING = '*1\r\n$4\r\nPING\r\n';

/**
 * A command that is written once and in time. Sent again, by a client that resends what was not
 * answered when a connection was lost, or late, from a queue, it would charge for nothing: PING
 * takes its place, so that replies stay in step.
 */
function chargeClass(Base: CommandClass, timeoutMs: number) {
  return class Charge extends Base {
    written = false;
    readonly #deadline = performance.now() + timeoutMs;

    constructor(key: string, words: string[]) {
      super(words[0] as string, words.slice(1), { replyEncoding: null });
      // ioredis knows no keys of commands that it does not know, and routes by these.
      this.keys = [key];
    }

    override toWritable(stream: Writable): unknown {
      if (this.written || performance.now() > this.#deadline) {
        const why = this.written ? 'the connection was lost' : 'it could not be sent in time';
        this.reject(new Error(`Not sent again: ${why}`));
        return PING;
      }
      this.written = true;
      writeTogether(stream);
      return super.toWritable(stream);
    }
  };
}

/** Has what one turn of the event loop sends written at its end, at once: each write costs a call. */
function writeTogether(stream: Writable): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  setImmediate(() => stream.uncork());
}

/** The class of commands, from one that is caught on its way, since ioredis is not imported. */
function commandClass(client: IoRedisLike): CommandClass {
  let caught: object = {};
  const catcher = {
    options: {},
    sendCommand(command: object) {
      caught = command;
    },
  };
  (client.call as (this: unknown, name: string) => unknown).call(catcher, 'RL.VERSION');
  return caught.constructor as CommandClass;
}

interface Options {
  enableOfflineQueue?: boolean;
  maxRetriesPerRequest?: number | null;
  autoResendUnfulfilledCommands?: boolean;
  /** Of a cluster: those of its connections. */
  redisOptions?: Options;
}

function warnings(options: Options): string[] {
  const found: string[] = [];
  if (options.enableOfflineQueue !== false) {
    found.push('it queues commands while there is no connection: set enableOfflineQueue to false');
  }
  if (options.maxRetriesPerRequest !== 0) {
    found.push('it tries commands again: set maxRetriesPerRequest to 0');
  }
  if (options.autoResendUnfulfilledCommands !== false) {
    found.push('it sends unanswered commands again: set autoResendUnfulfilledCommands to false');
  }
  return found;
}
