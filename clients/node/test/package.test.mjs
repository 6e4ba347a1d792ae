// The package as it is published: packed, installed, imported in every way, and looked through.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
// Within node_modules, so that the clients and frameworks are found there, but not the sources.
const folder = mkdtempSync(join(ROOT, 'node_modules/.consumer-'));
let tarball;
before(() => {
  const packed = JSON.parse(npm(['pack', '--json', '--pack-destination', folder], ROOT));
  // An array in older versions of npm, an object by name in newer ones.
  const [{ filename }] = Object.values(packed);
  tarball = join(folder, filename);
  cpSync(join(ROOT, 'test/consumer'), folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "private": true }');
  npm(['install', '--offline', '--no-save', '--legacy-peer-deps', tarball], folder);
});
after(() => rmSync(folder, { recursive: true, force: true }));

function run(command, args, cwd) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}\n${error.stdout}\n${error.stderr}`, {
      cause: error,
    });
  }
}
function npm(args, cwd) {
  return run('npm', args, cwd);
}

function tool(path, args, cwd = folder) {
  return run(process.execPath, [join(ROOT, 'node_modules', path), ...args], cwd);
}

for (const file of ['use.mjs', 'use.cjs']) {
  test(`${file} finds everything`, () => {
    const said = run(process.execPath, [join(folder, file)], folder);
    assert.equal(said, 'redis-rl function function function\nuser RL_STORE_UNAVAILABLE\n');
  });
}

const STRICT = ['--ignoreConfig', '--noEmit', '--strict', '--exactOptionalPropertyTypes'];
const NODE = ['--types', 'node', '--target', 'es2022'];
const compiles = {
  'use.mts, as Node resolves': ['use.mts', '--module', 'nodenext', ...NODE],
  'use.cts, as Node resolves': ['use.cts', '--module', 'nodenext', ...NODE],
  'use.cts, as bundlers resolve': [
    'use.cts',
    ...['--module', 'preserve', '--moduleResolution', 'bundler'],
    ...NODE,
  ],
  'old.ts, with moduleResolution node': [
    'old.ts',
    ...['--module', 'commonjs', '--moduleResolution', 'node', '--ignoreDeprecations', '6.0'],
    ...['--esModuleInterop', '--skipLibCheck', ...NODE],
  ],
  'fields.ts, with the types of browsers': [
    'fields.ts',
    ...['--module', 'nodenext', '--lib', 'es2022,dom', ...NODE],
  ],
};
for (const [name, args] of Object.entries(compiles)) {
  test(`${name} compiles`, () => {
    tool('typescript/bin/tsc', [...STRICT, ...args]);
  });
}

test('it has no dependencies, and only what is meant to be published', () => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  assert.equal(dependencies, undefined);
  const files = run('tar', ['-tf', tarball], folder).trim().split('\n');
  const others = files.filter((file) => !/^package\/dist\/(esm|cjs)\/.*\.(js|d\.ts)$/.test(file));
  assert.deepEqual(others.sort(), [
    'package/LICENSE',
    'package/README.md',
    'package/dist/cjs/package.json',
    'package/package.json',
  ]);
});

test('publint has nothing to say', () => {
  tool('publint/src/cli.js', ['run', tarball, '--strict'], ROOT);
});

test('are the types wrong? no', () => {
  tool('@arethetypeswrong/cli/dist/index.js', [tarball, '--profile', 'node16'], ROOT);
});

test('the lock file names no registry', () => {
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  assert.doesNotMatch(lock, /"resolved"/);
});

test('modules that import each other are found', () => {
  const sources = join(folder, 'circle');
  mkdirSync(join(sources, 'inner'), { recursive: true });
  const check = () => run(process.execPath, [join(ROOT, 'scripts/circles.mjs'), sources], folder);
  writeFileSync(join(sources, 'a.ts'), "import type { B } from './inner/b.js';\n");
  writeFileSync(join(sources, 'inner/b.ts'), "import './c.js';\n");
  writeFileSync(join(sources, 'inner/c.ts'), '');
  check();
  writeFileSync(join(sources, 'inner/c.ts'), "export { a } from '../a.js';\n");
  assert.throws(check, /a\.ts -> inner\/b\.ts -> inner\/c\.ts -> a\.ts/);
});
