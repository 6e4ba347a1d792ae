/** Values as errors show them. */

const MAX_LENGTH = 200;

/** What was given, in quotes if it is text; of functions and of objects with a class, the kind only. */
export function shown(given: unknown): string {
  if (typeof given === 'string') return `'${given.slice(0, MAX_LENGTH)}'`;
  if (typeof given === 'function') return 'a function';
  if (typeof given !== 'object' || given === null) return String(given);
  return (JSON.stringify(given, bigints) ?? 'an object').slice(0, MAX_LENGTH);
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
