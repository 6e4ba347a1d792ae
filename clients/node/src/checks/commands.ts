/** The commands that checks send. */

import type { Item } from '../limits/limit.js';
import type { LimitSet } from '../limits/limit-set.js';
import type { Command } from '../stores/types.js';
import { keepSeconds } from './ids.js';

/** Limits at a key, and what a request costs there. */
export interface Group {
  readonly key: string;
  readonly set: LimitSet;
  readonly cost: number;
}

/** RL.LIMIT without an id. */
export function limitCommand(key: string, set: LimitSet, cost: number): Command {
  return { name: 'RL.LIMIT', key, rest: costing(set.words, cost) };
}

/** RL.LIMIT with an id, so that it may be sent again; without one if there is nothing to charge. */
export function limitCommandWithId(group: Group, id: string, settles: boolean): Command {
  const { key, set, cost } = group;
  if (cost === 0) return limitCommand(key, set, cost);
  const rest = [...costing(set.words, cost), ...idWords(set.limits, id, settles)];
  return { name: 'RL.LIMIT', key, rest, repeatable: true };
}

/** RL.ALL of several groups, with an id if one is given. */
export function allCommand(groups: readonly Group[], id?: string, settles = false): Command {
  const [first, ...others] = groups as [Group, ...Group[]];
  const rest = [...costing(first.set.words, first.cost)];
  for (const { key, set, cost } of others) rest.push('AND', key, ...costing(set.words, cost));
  const command = { name: 'RL.ALL', key: first.key, rest };
  if (id === undefined || groups.every(({ cost }) => cost === 0)) return command;
  const limits = groups.flatMap(({ set }) => set.limits);
  rest.push(...idWords(limits, id, settles));
  return { ...command, repeatable: true };
}

function costing(words: readonly string[], cost: number): readonly string[] {
  return cost === 1 ? words : [...words, 'COST', `${cost}`];
}

/** @param settles whether the charge may be settled: its id is then kept for as long as that works */
function idWords(limits: readonly Item[], id: string, settles: boolean): string[] {
  return settles ? ['ID', id, 'KEEP', `${keepSeconds(limits)}s`] : ['ID', id];
}
