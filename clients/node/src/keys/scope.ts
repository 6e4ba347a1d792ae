/** Scopes: the budget that a request counts in, and the second field of its key. */

import { ConfigurationError } from '../errors.js';
import { shown } from '../options/shown.js';

/** The scope without a name or a route. */
export const APP_SCOPE = 'app';

const METHODS = new Set('GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH'.split(' '));

/** Stands for all methods that HTTP does not define, so that clients cannot invent budgets. */
const OTHER = '*';

/**
 * The scope of a request, or null if it is not limited.
 *
 * @param template the route's, such as `/items/{id}`; null without a route
 * @param name what the limit's scope is called, if that is given
 * @param methods as {@link readMethods} has them; null: all
 */
export function scopeOf(
  method: string,
  template: string | null,
  name: string | null,
  methods: ReadonlySet<string> | null,
): string | null {
  const counted = countedAs(method);
  if (methods !== null && !methods.has(counted)) return null;
  if (name === null && template !== null) return `${counted} ${template}`;
  const scope = name ?? APP_SCOPE;
  return counted === 'OPTIONS' ? `OPTIONS ${scope}` : scope;
}

/**
 * The methods of an option, each as it is counted.
 *
 * @throws ConfigurationError for anything but a list of methods
 */
export function readMethods(methods: unknown): ReadonlySet<string> | null {
  if (methods === undefined) return null;
  const list: unknown[] = Array.isArray(methods) ? methods : [];
  const names = list.map((each) => (typeof each === 'string' ? each.toUpperCase() : ''));
  if (names.length === 0 || names.some((each) => each !== OTHER && !METHODS.has(each))) {
    throw new ConfigurationError(
      "methods must be a list of HTTP methods, or '*' for all that HTTP does not define, as in " +
        `methods: ['POST'], not ${shown(methods)}`,
    );
  }
  return new Set(names.map(countedAs));
}

function countedAs(method: string): string {
  if (method === 'HEAD') return 'GET';
  return METHODS.has(method) ? method : OTHER;
}
