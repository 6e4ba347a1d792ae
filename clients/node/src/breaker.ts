/** Spares the requests of an outage the wait for a store that does not answer. */

import type { StoreUnavailable } from './errors.js';

const FAILURES_TO_OPEN = 5;
const OPEN_MS = 1_000;

/** Open for a second after five failures in a row; then one request asks again. */
export class Breaker {
  #failures = 0;
  #openUntil = 0;
  #asking = false;
  #last: StoreUnavailable | undefined;

  /** @param now a clock in milliseconds that never steps back */
  constructor(readonly now: () => number = () => performance.now()) {}

  /** Why the store should not be asked now, if so. Whoever gets nothing must report how it went. */
  refusal(): StoreUnavailable | undefined {
    if (this.#failures < FAILURES_TO_OPEN) return undefined;
    if (this.#asking || this.now() < this.#openUntil) return this.#last;
    this.#asking = true;
    return undefined;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#asking = false;
  }

  failed(error: StoreUnavailable): void {
    this.#failures += 1;
    this.#asking = false;
    this.#last = error;
    if (this.#failures >= FAILURES_TO_OPEN) this.#openUntil = this.now() + OPEN_MS;
  }
}
