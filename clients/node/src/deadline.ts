/** Deadlines of our own: not every client's timeout works once a command is written. */

import { StoreUnavailable } from './errors.js';

interface Waiting {
  /** On the clock of performance.now(). */
  readonly until: number;
  reject(error: Error): void;
}

/** Deadlines of one length, which end in the order they began: one timer does for all. */
export class Deadlines {
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;

  constructor(readonly ms: number) {}

  /** Settles as `work` does, or rejects in time; what `work` comes to later is dropped. */
  within<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting = { until: performance.now() + this.ms, reject };
      this.#begin(waiting);
      work.then(
        (value) => {
          this.#end(waiting);
          resolve(value);
        },
        (error: unknown) => {
          this.#end(waiting);
          reject(error);
        },
      );
    });
  }

  #begin(waiting: Waiting): void {
    if (this.#timer === undefined) this.#wake(this.ms);
    else if (this.#waiting.size === 0) this.#timer.ref();
    this.#waiting.add(waiting);
  }

  /** Only what waits keeps the process running. */
  #end(waiting: Waiting): void {
    if (this.#waiting.delete(waiting) && this.#waiting.size === 0) this.#timer?.unref();
  }

  #wake(ms: number): void {
    this.#timer = setTimeout(() => this.#expire(), ms);
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const waiting of this.#waiting) {
      if (waiting.until > now) return this.#wake(Math.ceil(waiting.until - now));
      this.#waiting.delete(waiting);
      // A busy process reads its sockets late: a reply that has arrived by now still counts.
      setImmediate(() => {
        waiting.reject(new StoreUnavailable(`The store did not answer within ${this.ms} ms`));
      });
    }
  }
}
