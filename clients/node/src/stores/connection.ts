/** What is known of a client's connection, which clients report only by events, if at all. */

import { textOf } from './classify.js';
import { now } from './clock.js';
import { secretsIn, withoutSecrets } from './secrets.js';
import type { Patience, RedisClient, Trouble } from './types.js';

const known = new WeakMap<RedisClient, Connection>();

/** Errors that say only that there is no connection, and not why. */
const EMPTY = /^(Connection is closed\.|None of startup nodes is available)?$/;

export class Connection {
  readonly secrets: readonly string[];
  #trouble: Trouble | undefined;
  #failing = false;
  #startedAt: number | undefined;
  #waiting: { promise: Promise<void>; done: () => void } | undefined;

  /** One per client, however many limiters it serves, so that it has one listener of each event. */
  static of(client: RedisClient): Connection {
    const found = known.get(client) ?? new Connection(client);
    known.set(client, found);
    return found;
  }

  private constructor(client: RedisClient) {
    const longest = (a: string, b: string) => b.length - a.length;
    this.secrets = [...new Set(secretsIn(client.options))].sort(longest);
    const failed = (error: unknown) => this.failed(error);
    for (const event of ['error', 'node error', 'node-error']) client.on(event, failed);
    for (const event of ['ready', 'node-ready']) client.on(event, () => this.connected());
    for (const event of ['close', 'end']) client.on(event, () => this.#ended());
  }

  /** Resolves when `isReady` says that a connection is there again, or the patience is over. */
  async back(isReady: () => boolean, patience: Patience): Promise<void> {
    while (!isReady() && now() < patience.until) await this.settled();
  }

  /** Why there is no connection, if the client said so, and what may help. */
  trouble(usesTls: boolean): Trouble | undefined {
    const text = tlsAdvice(this.#trouble?.text, usesTls);
    return text === undefined ? undefined : { error: this.#trouble?.error, text };
  }

  /** Whether one is being made, so far without an error, for no longer than that may take. */
  isComing(connectTimeoutMs: number): boolean {
    this.#startedAt ??= now();
    return !this.#failing && now() - this.#startedAt < connectTimeoutMs;
  }

  /** Resolves once waiting is over: there is a connection, or it failed. */
  settled(): Promise<void> {
    if (!this.#waiting) {
      let done: () => void = () => undefined;
      const promise = new Promise<void>((resolve) => {
        done = resolve;
      });
      this.#waiting = { promise, done };
    }
    return this.#waiting.promise;
  }

  failed(error: unknown): void {
    const text = withoutSecrets(textOf(error), this.secrets);
    if (!EMPTY.test(text)) this.#trouble = { error, text };
    this.#failing = true;
    this.#done();
  }

  /** There is one. */
  connected(): void {
    this.#failing = false;
    this.#trouble = undefined;
    this.#ended();
  }

  #ended(): void {
    this.#startedAt = undefined;
    this.#done();
  }

  #done(): void {
    this.#waiting?.done();
    this.#waiting = undefined;
  }
}

/** Adds advice for when only one side of a connection speaks TLS. */
function tlsAdvice(reason: string | undefined, usesTls: boolean): string | undefined {
  if (usesTls) {
    if (reason !== undefined && !/SSL|TLS|wrong version|ECONNRESET|timeout/i.test(reason))
      return reason;
    const said = reason === undefined ? 'no answer to TLS' : reason;
    return `${said}: if the port does not speak TLS, use redis:// instead of rediss://`;
  }
  if (reason === undefined || !/Protocol error|invalid .*reply|Unknown RESP/i.test(reason))
    return reason;
  return `${reason}: if the port speaks TLS, use rediss:// instead of redis://`;
}
