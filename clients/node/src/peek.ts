/** How long a call that costs 1 would have to wait: RL.LIMIT of cost 0 says only what is left. */

import type { Label } from './limits/plan.js';
import type { Outcome } from './outcome.js';

/** Where the entries of RL.PEEK have what is read here. */
const ALGORITHM = 0;
const PERIOD = 3;
const WAIT = 5;

/**
 * Seconds for each limit of `outcome`, null: for ever.
 *
 * @param peeked the reply of RL.PEEK at the same key
 */
export function waitsOf(
  peeked: unknown,
  outcome: Outcome,
  labels: readonly Label[],
): (number | null)[] {
  const rows = (Array.isArray(peeked) ? peeked : []) as unknown[][];
  return outcome.decisions.map(({ limit, resetAfter }, at) => {
    if (limit === 0) return null;
    const known = labels[at]?.limit;
    const row = rows.find(
      (each) =>
        String(each[ALGORITHM]) === known?.algorithm && Number(each[PERIOD]) === known.periodMs,
    );
    const wait = Number(row?.[WAIT] ?? 0) / 1000;
    // Other numbers were recorded there than are asked for now: it is free no later than this.
    return wait > 0 ? wait : resetAfter;
  });
}
