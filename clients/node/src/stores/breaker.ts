/** Saves requests the wait for a store that does not answer. */

import type { StoreUnavailable } from '../errors.js';
import { now } from './clock.js';

const FAILURES_TO_OPEN = 5;
const OPEN_MS = 1_000;

/** Open for a second after five missing answers in a row; then one request asks again. */
export class Breaker {
  #failures = 0;
  #openUntil = 0;
  #asking = false;
  #connected = true;
  #last: StoreUnavailable | undefined;

  /** @param clock milliseconds that never step back */
  constructor(readonly clock: () => number = now) {}

  /**
   * Why the store should not be asked now. A caller that gets undefined must report how it went.
   *
   * @param isReady whether a connection is there: if none was at the last failure, that is news
   */
  refusal(isReady: () => boolean = () => true): StoreUnavailable | undefined {
    if (this.#failures < FAILURES_TO_OPEN) return undefined;
    const over = this.clock() >= this.#openUntil || (!this.#connected && isReady());
    if (this.#asking || !over) return this.#last;
    this.#asking = true;
    return undefined;
  }

  /** The store answered, if only with an error. */
  answered(): void {
    this.#failures = 0;
    this.#asking = false;
  }

  /** No answer came. */
  failed(error: StoreUnavailable, connected = true): void {
    this.#failures += 1;
    this.#asking = false;
    this.#connected = connected;
    this.#last = error;
    if (this.#failures >= FAILURES_TO_OPEN) this.#openUntil = this.clock() + OPEN_MS;
  }

  /** Nothing was learned about the store: this process was late itself. */
  unsettled(): void {
    this.#asking = false;
  }
}
