/** What is settled when it is known whether the answer to a request counts. */

import type { Log } from '../log.js';
import type { Outcome } from '../outcome.js';

export abstract class Settling {
  /** Whether the answer to the request counts; asked when its status is known. */
  countIf: (() => boolean | Promise<boolean>) | undefined;
  /** Called when it was settled, with the outcome that is true from then on. */
  onSettled: ((outcome: Outcome, before: Outcome) => void) | undefined;
  #counts = true;
  /** The latest answer that was asked about. */
  #asked = 0;

  /** @param first the outcome as it was when the request was checked */
  protected constructor(
    readonly first: Outcome,
    readonly log: Log,
  ) {}

  /** What is left by now. */
  abstract get outcome(): Outcome;

  /** Gives back what was charged, or charges it after all; nobody waits for that. */
  abstract count(counts: boolean): void;

  /**
   * Asks whether the answer counts, and gives the charge back if not. May be asked again, if the
   * answer changes after all.
   *
   * @returns a promise if the predicate is slow: what is left is known when that is resolved
   */
  decide(): Promise<void> | undefined {
    const asked = ++this.#asked;
    try {
      const counts = (this.countIf as NonNullable<Settling['countIf']>)();
      if (!isPromise(counts)) return this.#decided(counts);
      return counts.then(
        (answer) => {
          if (asked === this.#asked) this.#decided(answer);
        },
        (error: unknown) => this.#undecided(error),
      );
    } catch (error) {
      return this.#undecided(error);
    }
  }

  #decided(answer: unknown): undefined {
    const counts = Boolean(answer);
    if (counts === this.#counts) return;
    this.#counts = counts;
    this.count(counts);
  }

  #undecided(error: unknown): undefined {
    this.log.note(
      'counting',
      `countIf must answer whether a request counts, and threw: ${textOf(error)}`,
    );
  }
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as Partial<Promise<unknown>> | null | undefined)?.then === 'function';
}
