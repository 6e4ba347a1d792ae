/** The bodies of refusals: application/problem+json, RFC 9457. */

import { isUnavailable, isUnidentified } from '../errors.js';
import { denials, type Outcome } from '../outcome.js';
import { type Fields, retrySeconds } from './headers.js';

export const PROBLEM_TYPE = 'application/problem+json';

/** An answer in place of the handler's. */
export interface Problem {
  readonly status: number;
  /** What it has besides Content-Type. */
  readonly fields: Fields;
  readonly body: string;
}

/** The body of a 429. */
export function quotaExceeded(outcome: Outcome): string {
  const { retryAfter } = outcome;
  const seconds = retryAfter === null ? undefined : retrySeconds(retryAfter);
  return JSON.stringify({
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Quota Exceeded',
    status: 429,
    detail:
      seconds === undefined
        ? 'Rate limit exceeded, the cost of this request is above the limit'
        : `Rate limit exceeded, retry in ${seconds} s`,
    'violated-policies': denials(outcome).map(({ policy }) => policy),
    retry_after: seconds,
  });
}

/** Says nothing about the store. */
const unavailable: Problem = {
  status: 503,
  fields: [['Retry-After', '1']],
  body: about('Service Unavailable', 503, 'Rate limiter unavailable'),
};

const unidentified: Problem = {
  status: 400,
  fields: [['Cache-Control', 'no-store']],
  body: about('Bad Request', 400, 'The client cannot be identified'),
};

/** The answer to a request whose check ended with `error`; undefined for any other error. */
export function problemOf(error: unknown): Problem | undefined {
  if (isUnavailable(error)) return unavailable;
  return isUnidentified(error) ? unidentified : undefined;
}

function about(title: string, status: number, detail: string): string {
  return JSON.stringify({ type: 'about:blank', title, status, detail });
}
