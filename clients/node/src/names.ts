/** The name of each limit in headers, errors and metrics. */

import { ConfigurationError } from './errors.js';
import type { Limit } from './limits.js';

const NAME = /^[A-Za-z0-9._/-]{1,64}$/;

/**
 * One name per limit: `name` itself for a single one, `name-unit` for several, and a name made of
 * its numbers where none is given.
 *
 * @throws ConfigurationError for a name that headers cannot carry
 */
export function policyNames(limits: readonly Limit[], name?: string): string[] {
  if (name !== undefined && !NAME.test(name)) throw wrong(name);
  const spans = limits.map(span);
  const names = limits.map((limit, at) => {
    if (name === undefined) return numbers(limit);
    if (limits.length === 1) return name;
    const shared = spans.some((other, index) => index !== at && other === spans[at]);
    return shared ? `${name}-${limit.algorithm}-${spans[at]}` : `${name}-${spans[at]}`;
  });
  const tooLong = names.find((each) => !NAME.test(each));
  if (tooLong !== undefined) throw wrong(tooLong);
  return names;
}

function span({ count, unit }: Limit): string {
  return count === 1 ? unit : `${count}${unit}`;
}

function numbers({ algorithm, rate, periodMs }: Limit): string {
  const kind = algorithm === 'fixed' ? '' : `${algorithm}-`;
  return `${kind}${rate}-per-${periodMs / 1000}s`;
}

function wrong(name: unknown): ConfigurationError {
  return new ConfigurationError(
    `${JSON.stringify(name)} is not a name: use 1 to 64 of A-Z a-z 0-9 . _ / -`,
  );
}
