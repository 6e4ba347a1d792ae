import assert from 'node:assert/strict';

/** A logger that keeps what it is told. */
export function memory() {
  const lines = [];
  const keep = (line) => lines.push(line);
  return { lines, warn: keep, error: keep, since: performance.now() };
}

/** Asserts that it was told something, and no more than a line a second since it was made. */
export function assertRare({ lines, since }) {
  const most = 1 + (performance.now() - since) / 1_000;
  assert.ok(lines.length >= 1 && lines.length <= most, lines.join('\n'));
}
