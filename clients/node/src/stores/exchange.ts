/** Asks a store within the deadline, and remembers its failures. */

import { StoreMisconfigured, StoreRefused, StoreUnavailable } from '../errors.js';
import { Breaker } from './breaker.js';
import { classify, isReply } from './classify.js';
import { Deadline, ProcessLate } from './deadline.js';
import { Faults } from './faults.js';
import type { Command, Patience, Send, Store } from './types.js';

/** What to make of how a command ended. */
export interface Ends<Result> {
  /** Reads the reply; what it throws is an error of the store's. */
  read(reply: unknown): Result;
  /** Goes on with what was read; what it throws is the application's error. */
  done(result: Result): Result;
  fail(error: StoreUnavailable): Result;
}

export class Exchange {
  readonly #deadline: Deadline;
  readonly #breaker = new Breaker();
  readonly #faults = new Faults();

  constructor(
    readonly store: Store,
    timeoutMs: number,
  ) {
    this.#deadline = new Deadline(timeoutMs);
  }

  /** Asks, unless the breaker is open. */
  ask<Result>(command: Command, ends: Ends<Result>): Promise<Result> {
    const refusal = this.#breaker.refusal(this.store.isReady);
    if (refusal !== undefined) {
      return new Promise((resolve) => {
        resolve(ends.fail(this.#faults.at(command.key) ?? refusal));
      });
    }
    const { crowded } = this.#deadline;
    return this.#deadline.within(
      (patience) =>
        command.repeatable === true
          ? this.#sendTwice(command, patience, crowded)
          : this.store.send(command, patience, crowded),
      (reply) => {
        let result: Result;
        try {
          result = ends.read(reply);
        } catch (cause) {
          return ends.fail(this.failed(cause, command.key));
        }
        this.#breaker.answered();
        this.#faults.mended(command.key);
        return ends.done(result);
      },
      (cause) => ends.fail(this.failed(cause, command.key)),
    );
  }

  /** Sends one command; whether it fails says nothing of checks. @throws StoreUnavailable */
  send(command: Command): Promise<unknown> {
    return this.#deadline.within(
      (patience) =>
        command.repeatable === true
          ? this.#sendTwice(command, patience, true)
          : this.store.send(command, patience, true),
      (reply) => reply,
      (cause) => {
        throw this.classify(cause);
      },
    );
  }

  /** Sends a command, and once more if its connection broke before the reply. */
  async #sendTwice(command: Command, patience: Patience, crowded: boolean): Promise<unknown> {
    const wasReady = this.store.isReady();
    try {
      return await this.store.send(command, patience, crowded);
    } catch (error) {
      if (!wasReady || isAnswer(error)) throw error;
      await this.store.back(patience);
      return this.store.send(command, patience, crowded);
    }
  }

  /** Asks all primaries at once. @throws StoreUnavailable */
  async probe(command: Command, timeoutMs: number): Promise<void> {
    const ask = async (patience: Patience) => {
      const primaries = await this.store.primaries(patience);
      if (primaries.length === 0) {
        const why = this.store.trouble()?.text ?? 'it did not answer';
        throw new StoreUnavailable(`a primary of the cluster must be known, and none is: ${why}`);
      }
      const send = (to: Send) => to(command, patience, false).catch(unlessRedirected);
      await Promise.all(primaries.map(send));
    };
    const succeeded = () => {
      this.#breaker.answered();
      this.#faults.mended(command.key);
    };
    await new Deadline(timeoutMs).within(ask, succeeded, (cause) => {
      throw this.failed(cause, command.key);
    });
  }

  /** What `cause` means for a check of `key`, now that it is known. */
  failed(cause: unknown, key: string): StoreUnavailable {
    const error = this.classify(cause);
    if (error instanceof StoreMisconfigured) {
      this.#faults.found(error, key);
      this.#breaker.answered();
      return error;
    }
    if (error instanceof StoreRefused) this.#breaker.answered();
    else if (error instanceof ProcessLate) this.#breaker.unsettled();
    else this.#breaker.failed(error, this.store.isReady());
    return this.#faults.at(key) ?? error;
  }

  /** The error of a client as one of ours, with the cause that the client swallowed. */
  classify(cause: unknown): StoreUnavailable {
    const trouble = this.store.isReady() ? undefined : this.store.trouble();
    if (cause instanceof StoreUnavailable) {
      const answered = cause instanceof StoreRefused || cause instanceof StoreMisconfigured;
      if (trouble === undefined || answered) return cause;
      const Same = cause instanceof ProcessLate ? ProcessLate : StoreUnavailable;
      return new Same(`${cause.message}: ${trouble.text}`, { cause });
    }
    const { secrets } = this.store;
    const known = trouble !== undefined && isReply(trouble.error) ? trouble.error : cause;
    return classify(known, secrets, trouble?.text);
  }
}

/** Whether the server answered, or the client refused the command itself. */
function isAnswer(error: unknown): boolean {
  return isReply(error) || error instanceof TypeError;
}

/** A node looks a command up before its key: whoever redirects has the module. */
function unlessRedirected(error: Error): void {
  if (!/^(MOVED|ASK) /.test(error.message)) throw error;
}
