/** What one response has to tell of its limits. */

import type { Settling } from '../checks/settling.js';
import { tightestOf } from '../outcome.js';
import type { Legacy, Told } from './headers.js';

export class Telling {
  /** Whether the head of the response has it already. */
  isTold = false;
  #more: Told[] | undefined;
  #charges: Settling[] | undefined;

  constructor(
    readonly first: Told,
    readonly legacy: Legacy | undefined,
  ) {}

  /** Adds the outcome of another limit. */
  add(outcome: Told): void {
    (this.#more ??= []).push(outcome);
  }

  /** Has the outcome told as it is once its charge is settled. */
  settles(charge: Settling): void {
    (this.#charges ??= []).push(charge);
  }

  /** Whether a charge may still change what is told. */
  get isOpen(): boolean {
    return this.#charges !== undefined;
  }

  /**
   * Asks whether the answer counts, now that it is known: only for answers of the application.
   * Returns a promise if that takes a while.
   */
  decide(): Promise<unknown> | undefined {
    if (this.#charges === undefined || this.#isRefused()) return undefined;
    let waits: Promise<void>[] | undefined;
    for (const charge of this.#charges) {
      const deciding = charge.countIf && charge.decide();
      if (deciding) (waits ??= []).push(deciding);
    }
    return waits && Promise.all(waits);
  }

  /** All outcomes, as one. */
  get all(): Told {
    let all = this.#now(this.first);
    for (const each of this.#more ?? []) all = both(all, this.#now(each));
    return all;
  }

  #isRefused(): boolean {
    return !this.first.allowed || (this.#more?.some(({ allowed }) => !allowed) ?? false);
  }

  #now(told: Told): Told {
    return this.#charges?.find(({ first }) => first === told)?.outcome ?? told;
  }
}

/** Two outcomes of one request, as one. */
function both(first: Told, second: Told): Told {
  // Of two bans the first stands among the limits, where it is told while it denies.
  const banned = first.ban !== null && !first.ban.allowed ? [first.ban] : [];
  const decisions = [...first.decisions, ...banned, ...second.decisions];
  return {
    allowed: first.allowed && second.allowed,
    decisions,
    ban: second.ban,
    retryAfter: longer(first.retryAfter, second.retryAfter),
    tightest: tightestOf(decisions, second.ban),
  };
}

function longer(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b);
}
