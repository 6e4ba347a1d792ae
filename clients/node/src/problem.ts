/** The bodies of refusals: application/problem+json, RFC 9457. */

import { retrySeconds } from './headers.js';
import type { Outcome } from './outcome.js';

export const PROBLEM_TYPE = 'application/problem+json';

/** Seconds after which a client may try again when the limiter is unavailable. */
export const UNAVAILABLE_RETRY_AFTER = '1';

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
    'violated-policies': outcome.decisions.filter((d) => !d.allowed).map((d) => d.policy),
    retry_after: seconds,
  });
}

/** The body of a 503. It says nothing about the store. */
export const unavailable = JSON.stringify({
  type: 'about:blank',
  title: 'Service Unavailable',
  status: 503,
  detail: 'Rate limiter unavailable',
});
