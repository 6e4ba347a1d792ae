// The example apps, as processes of their own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atEnd } from './closing.mjs';
import { eventually } from './eventually.mjs';
import { freePort } from './servers.mjs';

const FOLDER = fileURLToPath(new URL('../..', import.meta.url));

/** An example that was started with `environment`; `output` is what it has said so far. */
export async function startExample(name, environment) {
  const port = await freePort();
  const env = { ...process.env, PORT: port, ...environment };
  const app = spawn(process.execPath, [`examples/${name}`], { cwd: FOLDER, env });
  const example = { url: `http://127.0.0.1:${port}`, output: '', process: app };
  for (const stream of [app.stdout, app.stderr]) {
    stream.on('data', (data) => {
      example.output += data;
    });
  }
  example.ended = once(app, 'close').then(([code]) => code);
  atEnd(() => app.kill('SIGKILL'));
  process.on('exit', (code) => code && console.error(`--- ${name}\n${example.output}`));
  await eventually(
    () => app.exitCode !== null || example.output.includes('Listening'),
    `${name} listens or ends`,
  );
  return example;
}
