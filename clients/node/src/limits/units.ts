/** Units of time, as limits are written and as the server answers. */

const UNITS = [
  { name: 'second', ms: 1_000, words: ['s', 'sec', 'second', 'seconds'] },
  { name: 'minute', ms: 60_000, words: ['m', 'min', 'minute', 'minutes'] },
  { name: 'hour', ms: 3_600_000, words: ['h', 'hr', 'hour', 'hours'] },
  { name: 'day', ms: 86_400_000, words: ['d', 'day', 'days'] },
  { name: 'week', ms: 604_800_000, words: ['w', 'week', 'weeks'] },
] as const;

/** The unit of a period, in the singular. */
export type UnitName = (typeof UNITS)[number]['name'] | 'millisecond';

/** A period, such as `10 minutes`. */
export interface Period {
  readonly count: number;
  readonly unit: UnitName;
  readonly ms: number;
}

const UNIT_OF = new Map<string, (typeof UNITS)[number]>(
  UNITS.flatMap((unit) => unit.words.map((word): [string, (typeof UNITS)[number]] => [word, unit])),
);

/** The longest period. */
export const MAX_PERIOD_MS = 366 * 86_400_000;

/** The period of `count` units that are called `word`; undefined if no unit is. */
export function periodOf(count: number, word: string): Period | undefined {
  const unit = UNIT_OF.get(word);
  return unit && { count, unit: unit.name, ms: count * unit.ms };
}

/** A period as the server writes it, such as `10m` or `250ms`; undefined if it is none. */
export function readPeriod(text: string): Period | undefined {
  const [, count, letters = ''] = /^([0-9]+)([a-z]+)$/.exec(text) ?? [];
  if (letters === 'ms') return { count: Number(count), unit: 'millisecond', ms: Number(count) };
  return letters.length === 1 ? periodOf(Number(count), letters) : undefined;
}

/** How a period is sent. */
export function periodWord({ count, unit }: Omit<Period, 'ms'>): string {
  return `${count}${unit === 'millisecond' ? 'ms' : unit.charAt(0)}`;
}
