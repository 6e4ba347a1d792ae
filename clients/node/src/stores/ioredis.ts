/** ioredis and iovalkey: single servers, Sentinel and clusters. */

import type { Writable } from 'node:stream';
import { now, setImmediate } from './clock.js';
import { Connection } from './connection.js';
import type { Command, IoRedisLike, Patience, Send, Store } from './types.js';

/** A command as ioredis has it. */
interface IoRedisCommand {
  args: string[];
  keys: string[];
  promise: Promise<unknown>;
  reject(error: Error): void;
  toWritable(stream: Writable): string;
}
type CommandClass = new (
  name: string,
  args: string[],
  options: { replyEncoding: null },
) => IoRedisCommand;

export function ioredisStore(client: IoRedisLike, connectTimeoutMs: number): Store {
  const Charge = chargeClass(commandClass(client));
  const connection = Connection.of(client);
  const options = client.options as Options;
  const settings = client.isCluster ? { ...options.redisOptions, ...options } : options;
  const queues = settings.enableOfflineQueue !== false;
  const isReady = () => client.status === 'ready';

  const plainSend =
    (to: IoRedisLike): Send =>
    (command, patience, crowded) => {
      const charge = new Charge(command, patience, crowded);
      to.sendCommand(charge);
      charge.queued = true;
      return charge.promise;
    };
  const clusterSend: Send = (command, patience, crowded) => {
    const charge = new Charge(command, patience, crowded);
    const settle = charge.reject;
    client.sendCommand(charge);
    charge.queued = true;
    // The cluster sends again whatever its own reject is given: only refusals may come to it.
    const redirect = charge.reject;
    charge.reject = (error) => {
      if (!REFUSED.test(error.message)) return settle.call(charge, error);
      charge.written = false;
      redirect.call(charge, error);
    };
    return charge.promise;
  };
  const sendNow = client.isCluster ? clusterSend : plainSend(client);
  const connected = async (patience: Patience) => {
    if (client.status === 'wait') client.connect().catch(() => undefined);
    if (COMING.has(client.status) && connection.isComing(connectTimeoutMs)) {
      await connection.settled();
    }
    if (now() > patience.until) throw new Error('a connection must be there in time, and was not');
  };
  const send: Send = (command, patience, crowded) =>
    client.status === 'ready' || queues
      ? sendNow(command, patience, crowded)
      : connected(patience).then(() => sendNow(command, patience, crowded));

  return {
    send,
    async primaries(patience) {
      if (!client.isCluster) return [send];
      if (client.status !== 'ready') await connected(patience);
      return ((client.nodes?.('master') ?? []) as IoRedisLike[]).map(plainSend);
    },
    isCluster: client.isCluster === true,
    isReady,
    back: (patience) => connection.back(isReady, patience),
    trouble: () => connection.trouble(Boolean(settings.tls)),
    secrets: connection.secrets,
    warnings: warnings(settings),
  };
}

/** States in which a connection is about to be there. */
const COMING = new Set(['wait', 'connecting', 'connect']);

/** Errors of a cluster's node that did not run the command. */
const REFUSED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /;

const PING = '*1\r\n$4\r\nPING\r\n';

/**
 * A command that is written once and in time. Sent again, by a client that resends what was not
 * answered when a connection was lost, or late, from a queue, it would charge for nothing: PING
 * takes its place, so that replies stay in step.
 */
function chargeClass(Base: CommandClass) {
  return class Charge extends Base {
    written = false;
    /** Whether it is written, if at all, later than asked for. */
    queued = false;

    constructor(
      readonly command: Command,
      readonly patience: Patience,
      readonly crowded: boolean,
    ) {
      // Arguments that it is given it copies and looks through.
      super(command.name, [], { replyEncoding: null });
      this.args = command.keyless ? [...command.rest] : [command.key, ...command.rest];
      // ioredis knows no keys of commands that it does not know, and routes by these.
      this.keys = [command.key];
    }

    override toWritable(stream: Writable): string {
      if (this.written || (this.queued && now() > this.patience.until)) {
        const why = this.written ? 'the connection was lost' : 'it would be sent late';
        this.reject(new Error(`a check must be sent once and in time, and ${why}`));
        return PING;
      }
      this.written = true;
      if (this.crowded) writeTogether(stream);
      return written(this.command);
    }
  };
}

/** The bytes of a command, of which those of the same limits are made once. */
function written({ name, key, rest, keyless }: Command): string {
  let limits = bulks.get(rest);
  if (limits === undefined) {
    limits = rest.map(bulk).join('');
    bulks.set(rest, limits);
  }
  if (keyless) return `*${rest.length + 1}\r\n${bulk(name)}${limits}`;
  return `*${rest.length + 2}\r\n${bulk(name)}${bulk(key)}${limits}`;
}

const bulks = new WeakMap<readonly string[], string>();

function bulk(word: string): string {
  return `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
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
  tls?: unknown;
  /** Of a cluster: those of its connections. */
  redisOptions?: Options;
}

function warnings(options: Options): string[] {
  const found: string[] = [];
  if (options.enableOfflineQueue !== false) {
    found.push('it queues commands without a connection (set enableOfflineQueue to false)');
  }
  if (options.maxRetriesPerRequest !== 0) {
    found.push('it retries commands (set maxRetriesPerRequest to 0)');
  }
  if (options.autoResendUnfulfilledCommands !== false) {
    found.push('it resends unanswered commands (set autoResendUnfulfilledCommands to false)');
  }
  return found;
}
