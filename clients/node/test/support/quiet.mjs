/** A logger that keeps what it is told. */
export function memory() {
  const lines = [];
  return { lines, warn: (line) => lines.push(line), error: (line) => lines.push(line) };
}
