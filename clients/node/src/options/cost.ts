/** What a request may cost. */

import { ConfigurationError } from '../errors.js';
import { shown } from './shown.js';

const MAX_COST = 10 ** 12;

/** @throws ConfigurationError if it is invalid */
export function checkCost(cost: number): number {
  if (Number.isInteger(cost) && cost >= 0 && cost <= MAX_COST) return cost;
  throw new ConfigurationError(`cost must be an integer from 0 to 10^12, not ${shown(cost)}`);
}
