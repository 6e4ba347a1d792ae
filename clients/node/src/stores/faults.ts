/** What is known to be misconfigured; it stays refused until a check succeeds. */

import { ModuleNotLoaded, type StoreMisconfigured } from '../errors.js';

const MAX_KEPT = 1_000;

/** Errors of one key only. All others are of the whole store, or of one of its nodes. */
const OF_ONE_KEY = /WRONGTYPE|access a key|there is no policy|POLICY GET|LEASE must come/;

export class Faults {
  #ofAll: StoreMisconfigured | undefined;
  readonly #ofKeys = new Map<string, StoreMisconfigured>();

  /** What is wrong for `key`, as far as it is known. */
  at(key: string): StoreMisconfigured | undefined {
    return this.#ofKeys.get(key) ?? this.#ofAll;
  }

  found(error: StoreMisconfigured, key: string): void {
    if (error instanceof ModuleNotLoaded || !OF_ONE_KEY.test(error.message)) this.#ofAll = error;
    // In a cluster, success elsewhere says nothing about this key's node.
    if (this.#ofKeys.size >= MAX_KEPT) this.#ofKeys.clear();
    this.#ofKeys.set(key, error);
  }

  /** A check of `key` succeeded. */
  mended(key: string): void {
    if (this.#ofAll === undefined && this.#ofKeys.size === 0) return;
    this.#ofAll = undefined;
    this.#ofKeys.delete(key);
  }
}
