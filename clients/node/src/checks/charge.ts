/** Charges with an id, which can be corrected when it is known what a request cost. */

import type { Label } from '../limits/limit-set.js';
import { Limit } from '../limits/limit.js';
import type { Log } from '../log.js';
import { checkCost } from '../options/cost.js';
import { type Outcome, settledAs } from '../outcome.js';
import type { Command } from '../stores/types.js';
import { Settling, textOf } from './settling.js';

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

/** What may be settled of outcomes, those of several subjects included. */
export const settlings = new WeakMap<Outcome, Settling>();

export class Charge extends Settling {
  #outcome: Outcome;

  private constructor(
    outcome: Outcome,
    readonly labels: readonly Label[],
    readonly id: string,
    readonly send: SendSettle,
    log: Log,
  ) {
    super(outcome, log);
    this.#outcome = outcome;
  }

  /** Notes that `outcome` may be settled. */
  static made(
    outcome: Outcome,
    labels: readonly Label[],
    id: string,
    send: SendSettle,
    log: Log,
  ): Outcome {
    if (outcome.allowed) settlings.set(outcome, new Charge(outcome, labels, id, send, log));
    return outcome;
  }

  /** The charge of an outcome; undefined if nothing was charged that could be settled. */
  static of(outcome: Outcome): Charge | undefined {
    const settling = settlings.get(outcome);
    return settling instanceof Charge ? settling : undefined;
  }

  override get outcome(): Outcome {
    return this.#outcome;
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

  override count(counts: boolean): void {
    const actual = counts ? this.first.cost : 0;
    this.#shows(actual);
    void this.settle(actual);
  }

  #shows(actual: number): void {
    const before = this.#outcome;
    this.#outcome = settledAs(this.first, actual, (at) => isKept(this.labels, at));
    settlings.set(this.#outcome, this);
    this.onSettled?.(this.#outcome, before);
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
