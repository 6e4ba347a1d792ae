/** How long a call of cost 1 would have to wait, which RL.LIMIT with cost 0 does not say. */

import { Ban } from './limits/ban.js';
import type { Label } from './limits/limit-set.js';
import type { Outcome } from './outcome.js';

/** The places of what is read from an entry of RL.PEEK. */
const ALGORITHM = 0;
const PERIOD = 3;
const WAIT = 5;

/**
 * Seconds for each verdict of `outcome`; null: forever.
 *
 * @param peeked the reply of RL.PEEK at the same key
 */
export function waitsOf(
  peeked: unknown,
  outcome: Outcome,
  labels: readonly Label[],
): (number | null)[] {
  const rows = (Array.isArray(peeked) ? peeked : []) as unknown[][];
  const limits = labels.filter(({ isBan }) => !isBan).map(({ limit }) => limit);
  return outcome.decisions.map(({ limit: quota, resetAfter }, at) => {
    if (quota === 0) return null;
    const limit = limits[at];
    const known = limit instanceof Ban ? undefined : limit;
    const row = rows.find(
      (each) =>
        String(each[ALGORITHM]) === known?.algorithm && Number(each[PERIOD]) === known.periodMs,
    );
    const wait = Number(row?.[WAIT] ?? 0) / 1000;
    // Recorded under other numbers than are asked for now: the wait is at most the reset.
    return wait > 0 ? wait : resetAfter;
  });
}
