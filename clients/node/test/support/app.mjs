// The example apps, as processes of their own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atEnd } from './closing.mjs';
import { eventually } from './eventually.mjs';
import { PATIENCE_MS } from './limiters.mjs';
import { freePort } from './servers.mjs';

const FOLDER = fileURLToPath(new URL('../..', import.meta.url));
/** What a program says whose port somebody took after it was found free. */
export const PORT_TAKEN = /EADDRINUSE/;

/**
 * An example that was started with `environment`; `output` is what it has said so far. Its checks
 * are patient, unless RL_TIMEOUT_MS says otherwise.
 */
export async function startExample(name, environment) {
  const port = await freePort();
  const patience = { RL_TIMEOUT_MS: `${PATIENCE_MS}` };
  const env = { ...process.env, ...patience, ...environment, PORT: port };
  const app = spawn(process.execPath, [`examples/${name}`], { cwd: FOLDER, env });
  const example = { url: `http://127.0.0.1:${port}`, output: '', process: app };
  for (const stream of [app.stdout, app.stderr]) {
    stream.on('data', (data) => {
      example.output += data;
    });
  }
  example.ended = once(app, 'close').then(([code]) => code);
  atEnd(() => app.kill('SIGKILL'));
  await eventually(
    () => app.exitCode !== null || example.output.includes('Listening'),
    `${name} listens or ends`,
  );
  if (PORT_TAKEN.test(example.output)) return startExample(name, environment);
  process.on('exit', (code) => code && console.error(`--- ${name}\n${example.output}`));
  return example;
}
