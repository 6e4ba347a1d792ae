// Fails if modules of src/ import each other in a circle, types included.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { argv, exit } from 'node:process';

const ROOT = argv[2] ?? 'src';
const files = readdirSync(ROOT, { recursive: true }).filter((name) => name.endsWith('.ts'));
const imports = new Map(
  files.map((name) => {
    const text = readFileSync(join(ROOT, name), 'utf8');
    const found = [...text.matchAll(/(?:from|import) '(\.[^']+)\.js'/g)];
    return [name, found.map(([, path]) => `${relative(ROOT, join(ROOT, name, '..', path))}.ts`)];
  }),
);

function circleFrom(name, path = []) {
  if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
  if (done.has(name)) return undefined;
  for (const next of imports.get(name) ?? []) {
    const circle = circleFrom(next, [...path, name]);
    if (circle) return circle;
  }
  done.add(name);
  return undefined;
}

const done = new Set();
for (const name of files) {
  const circle = circleFrom(name);
  if (circle) {
    console.error(`these modules import each other: ${circle.join(' -> ')}`);
    exit(1);
  }
}
