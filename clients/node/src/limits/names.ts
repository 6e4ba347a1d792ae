/** The name of each limit in headers, errors and metrics. */

import { ConfigurationError } from '../errors.js';
import { shown } from '../options/shown.js';
import { Ban } from './ban.js';
import { type Item, Limit } from './limit.js';
import type { Policy } from './policy.js';

const NAME = /^[A-Za-z0-9._/-]{1,64}$/;

/** @throws ConfigurationError for a name that headers cannot carry */
export function checkName(name: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw new ConfigurationError(
    'name must be 1 to 64 characters of A-Z a-z 0-9 . _ / -, with the unit that several limits ' +
      `add to it, or the -ban of a ban, not ${shown(name)}`,
  );
}

/**
 * One name per row of a reply: `name` itself for a single limit, `name-unit` for several, and a
 * name made of its numbers if none is given. A policy has a name already, which null stands for. A
 * ban is called as the limits are, or as the first of those without a name, with `-ban`.
 *
 * @throws ConfigurationError for a name that headers cannot carry
 */
export function rowNames(rows: readonly Item[], name?: string): (string | null)[] {
  if (name !== undefined) checkName(name);
  const limits = rows.filter(isLimit);
  const names = limitNames(limits, name);
  const base = name ?? names[0] ?? (limits[0] as Policy | undefined)?.label;
  let at = 0;
  return rows.map((row) => (row instanceof Ban ? `${base}-ban` : (names[at++] ?? null)));
}

/** The names of a policy's rows: its own for a single limit, else as for limits of one name. */
export function clauseNames(rows: readonly (Limit | Ban)[], { label }: Policy): string[] {
  const names = limitNames(rows.filter(isLimit), label);
  let at = 0;
  return rows.map((row) => (row instanceof Ban ? `${label}-ban` : (names[at++] ?? label)));
}

function isLimit<Row extends Item>(row: Row): row is Exclude<Row, Ban> {
  return !(row instanceof Ban);
}

function limitNames(limits: readonly (Limit | Policy)[], name?: string): (string | null)[] {
  const spans = limits.map((limit) => (limit instanceof Limit ? span(limit) : null));
  return limits.map((limit, at) => {
    if (!(limit instanceof Limit)) return null;
    if (name === undefined) return numbers(limit);
    if (limits.length === 1) return name;
    const shared = spans.some((other, index) => index !== at && other === spans[at]);
    return shared ? `${name}-${limit.algorithm}-${spans[at]}` : `${name}-${spans[at]}`;
  });
}

function span({ count, unit }: Limit): string {
  return count === 1 ? unit : `${count}${unit}`;
}

function numbers({ algorithm, rate, periodMs }: Limit): string {
  const kind = algorithm === 'fixed' ? '' : `${algorithm}-`;
  return `${kind}${rate}-per-${periodMs / 1000}s`;
}
