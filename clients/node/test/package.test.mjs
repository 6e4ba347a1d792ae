// The package as it is published: packed, installed, imported in every way, and looked through.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

for (const file of ['use.mts', 'use.cts']) {
  test(`${file} compiles`, () => {
    const strict = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--exactOptionalPropertyTypes',
      '--types',
      'node',
    ];
    const node = ['--module', 'nodenext', '--target', 'es2022'];
    tool('typescript/bin/tsc', [...strict, ...node, file]);
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
