/** A deadline of our own: not every client's timeout works once a command is written. */

import { StoreUnavailable } from './errors.js';

/** How long to wait for a store, counted from when it has been asked. */
export class Deadline {
  #turn: Turn | undefined;

  /** @param ms more than 0 */
  constructor(readonly ms: number) {}

  /** Settles as `work` does, or rejects after the time; what `work` comes to later is dropped. */
  within<T>(work: Promise<T>): Promise<T> {
    const turn = this.#turn ?? this.#begin();
    return new Promise((resolve, reject) => {
      turn.begin(reject);
      work.then(
        (value) => {
          turn.end();
          resolve(value);
        },
        (error: unknown) => {
          turn.end();
          reject(error);
        },
      );
    });
  }

  #begin(): Turn {
    const turn = new Turn(this.ms);
    this.#turn = turn;
    setImmediate(() => {
      this.#turn = undefined;
      turn.start();
    });
    return turn;
  }
}

/**
 * What was asked in one turn of the event loop. Clients write it when the turn ends, which may be
 * late in a busy process, and one timer is for all of it.
 */
class Turn {
  #timer: NodeJS.Timeout | undefined;
  #pending = 0;
  readonly #rejects: ((error: Error) => void)[] = [];

  constructor(readonly ms: number) {}

  begin(reject: (error: Error) => void): void {
    this.#pending += 1;
    this.#rejects.push(reject);
  }

  end(): void {
    this.#pending -= 1;
    if (this.#pending === 0) clearTimeout(this.#timer);
  }

  /** The time begins. */
  start(): void {
    // A busy process reads its sockets late, too: a reply that has arrived by then still counts.
    if (this.#pending > 0)
      this.#timer = setTimeout(() => setImmediate(() => this.#expire()), this.ms);
  }

  #expire(): void {
    // Nothing happens to what has settled.
    for (const reject of this.#rejects) {
      reject(new StoreUnavailable(`The store did not answer within ${this.ms} ms`));
    }
  }
}
