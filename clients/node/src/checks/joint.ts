/** The charges of several subjects of a request, which are one to whoever answers it. */

import type { Log } from '../log.js';
import type { Outcome } from '../outcome.js';
import { joined, type NamedOutcome } from './all.js';
import { Charge, settlings } from './charge.js';
import { Settling } from './settling.js';

export class JointCharge extends Settling {
  #outcome: Outcome;

  private constructor(
    outcome: NamedOutcome,
    readonly parts: ReadonlyMap<string, Charge>,
    log: Log,
  ) {
    super(outcome, log);
    this.#outcome = outcome;
    for (const part of parts.values()) part.onSettled = () => this.#shows(outcome.each);
  }

  /** Notes that the subjects of `outcome` may be settled, as far as they were charged. */
  static made(outcome: NamedOutcome, log: Log): void {
    const parts = new Map<string, Charge>();
    for (const [name, each] of Object.entries(outcome.each)) {
      const charge = Charge.of(each);
      if (charge) parts.set(name, charge);
    }
    if (parts.size > 0) settlings.set(outcome, new JointCharge(outcome, parts, log));
  }

  override get outcome(): Outcome {
    return this.#outcome;
  }

  override count(counts: boolean): void {
    for (const part of this.parts.values()) part.count(counts);
  }

  #shows(first: NamedOutcome['each']): void {
    const before = this.#outcome;
    const each = Object.fromEntries(
      Object.entries(first).map(([name, part]) => [name, this.parts.get(name)?.outcome ?? part]),
    );
    const outcome: NamedOutcome = { ...joined(Object.values(each), true), each };
    settlings.set(outcome, this);
    this.#outcome = outcome;
    this.onSettled?.(outcome, before);
  }
}
