/** Charges with an id, which can be corrected when it is known what a request cost. */

import type { Label } from '../limits/limit-set.js';
import { Limit } from '../limits/limit.js';
import type { Log } from '../log.js';
import { checkCost } from '../options/cost.js';
import { type Outcome, settledAs } from '../outcome.js';
import type { Command } from '../stores/types.js';

/** A charge by estimate. */
export interface Reservation {
  /** The outcome; once it is settled, what is left is without the estimate. */
  readonly outcome: Outcome;
  /**
   * Says what it really cost: less, more, or 0 to give it all back. The last call counts.
   *
   * @returns whether the charge was still known; false if nothing was charged, or in an outage
   * @throws ConfigurationError for an invalid cost
   */
  settle(actual: number): Promise<boolean>;
  /**
   * Does the work, and answers its result. An error gives the estimate back with `refundOnError`;
   * else it stands, unless the work has settled it.
   */
  run<Result>(work: () => Result | Promise<Result>): Promise<Result>;
}

type SendSettle = (command: Command) => Promise<unknown>;

const charges = new WeakMap<Outcome, Charge>();

export class Charge {
  /** The outcome as it was when the request was checked. */
  readonly first: Outcome;
  outcome: Outcome;
  /** Whether the answer to the request counts; asked when its status is known. */
  countIf: (() => boolean | Promise<boolean>) | undefined;
  /** Called when it was settled, with the outcome that is true from then on. */
  onSettled: ((outcome: Outcome, before: Outcome) => void) | undefined;
  #counts = true;
  /** The latest answer that was asked about. */
  #asked = 0;

  private constructor(
    outcome: Outcome,
    readonly labels: readonly Label[],
    readonly id: string,
    readonly send: SendSettle,
    readonly log: Log,
  ) {
    this.first = outcome;
    this.outcome = outcome;
  }

  /** Notes that `outcome` may be settled. */
  static made(
    outcome: Outcome,
    labels: readonly Label[],
    id: string,
    send: SendSettle,
    log: Log,
  ): Outcome {
    if (outcome.allowed) charges.set(outcome, new Charge(outcome, labels, id, send, log));
    return outcome;
  }

  /** The charge of an outcome; undefined if nothing was charged that could be settled. */
  static of(outcome: Outcome): Charge | undefined {
    return charges.get(outcome);
  }

  async settle(actual: number): Promise<boolean> {
    checkCost(actual);
    try {
      if (!(await this.#send(actual))) return false;
    } catch (error) {
      this.log.note('settling', `a charge stands as it was, not as settled: ${textOf(error)}`);
      return false;
    }
    this.#shows(actual);
    return true;
  }

  /**
   * Asks whether the answer counts, and gives the charge back if not; nobody waits for that. May
   * be asked again, if the answer changes after all.
   *
   * @returns a promise if the predicate is slow: what is left is known when that is resolved
   */
  decide(): Promise<void> | undefined {
    const asked = ++this.#asked;
    try {
      const counts = (this.countIf as NonNullable<Charge['countIf']>)();
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

  #decided(counts: unknown): undefined {
    if (Boolean(counts) === this.#counts) return;
    this.#counts = Boolean(counts);
    const actual = this.#counts ? this.first.cost : 0;
    this.#shows(actual);
    void this.settle(actual);
  }

  #undecided(error: unknown): undefined {
    this.log.note(
      'counting',
      `countIf must answer whether a request counts, and threw: ${textOf(error)}`,
    );
  }

  #shows(actual: number): void {
    const before = this.outcome;
    this.outcome = settledAs(this.first, actual, (at) => isKept(this.labels, at));
    charges.set(this.outcome, this);
    this.onSettled?.(this.outcome, before);
  }

  async #send(actual: number): Promise<boolean> {
    const rest = [this.id, `${actual}`];
    const { key } = this.first;
    return (await this.send({ name: 'RL.SETTLE', key, rest, repeatable: true })) === 1;
  }
}

/** Gives an outcome its `settle`. */
export function reservable(outcome: Outcome): Outcome {
  return Object.assign(outcome, { settle: settlerOf(outcome) });
}

/** What `reserve` answers. */
export function reserved(outcome: Outcome, refunds: boolean): Reservation {
  const charge = Charge.of(outcome);
  const settle = settlerOf(outcome);
  return {
    get outcome() {
      return charge?.outcome ?? outcome;
    },
    settle,
    async run(work) {
      try {
        return await work();
      } catch (error) {
        if (refunds) await settle(0);
        throw error;
      }
    },
  };
}

/** Where nothing was charged, there is nothing to settle. */
function settlerOf(outcome: Outcome): (actual: number) => Promise<boolean> {
  const charge = Charge.of(outcome);
  return async (actual) => {
    checkCost(actual);
    return charge?.settle(actual) ?? false;
  };
}

/** Whether settling gives nothing back: places in a queue have been promised to those behind. */
function isKept(labels: readonly Label[], at: number): boolean {
  const limit = labels.filter(({ isBan }) => !isBan)[at]?.limit;
  return limit instanceof Limit && limit.algorithm === 'leaky';
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as Partial<Promise<unknown>> | null | undefined)?.then === 'function';
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
