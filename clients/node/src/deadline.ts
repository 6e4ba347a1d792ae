/** A deadline of our own: not every client's timeout works once a command is written. */

import { StoreUnavailable } from './errors.js';

/** How late a timer may be before it says that this process was busy. */
const SLACK_MS = 5;

interface Wait {
  since: number;
  /** Whether it has been given its time once more. */
  again: boolean;
  reject(error: Error): void;
}

/** How long to wait for a store. One timer is for all that wait. */
export class Deadline {
  /** In the order of `since`. */
  readonly #waits = new Set<Wait>();
  #armed = false;
  #several = false;
  #crowded = false;

  /** @param ms more than 0 */
  constructor(readonly ms: number) {}

  /** Whether anybody waits, or several did when last somebody waited: more may be asked soon. */
  get crowded(): boolean {
    return this.#crowded || this.#waits.size > 0;
  }

  /** Settles as `ask` does, or rejects after the time; what comes later is dropped. */
  within<T>(ask: (until: number) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const since = performance.now();
      const asked = ask(since + this.ms);
      const wait: Wait = { since, again: false, reject };
      this.#begin(wait);
      asked.then(
        (value) => {
          this.#end(wait);
          resolve(value);
        },
        (error: unknown) => {
          this.#end(wait);
          reject(error);
        },
      );
    });
  }

  #begin(wait: Wait): void {
    this.#waits.add(wait);
    if (this.#waits.size > 1) this.#several = true;
    if (!this.#armed) this.#arm(this.ms);
  }

  #end(wait: Wait): void {
    this.#waits.delete(wait);
    if (this.#waits.size > 0) return;
    this.#crowded = this.#several;
    this.#several = false;
  }

  /** It is the client that keeps the process running while somebody waits. */
  #arm(ms: number): void {
    this.#armed = true;
    setTimeout(() => this.#expire(), ms).unref();
  }

  #expire(): void {
    this.#armed = false;
    const now = performance.now();
    for (const wait of this.#waits) {
      const late = now - wait.since - this.ms;
      if (late < 0) return this.#arm(Math.ceil(-late));
      this.#end(wait);
      if (late <= SLACK_MS || wait.again) {
        wait.reject(new StoreUnavailable(`The store did not answer within ${this.ms} ms`));
      } else {
        // A busy process writes and reads late: what it asked may only have been sent now.
        wait.again = true;
        wait.since = now;
        this.#begin(wait);
      }
    }
  }
}
