import { setTimeout as sleep } from 'node:timers/promises';

const DEADLINE_MS = 30_000;

/** Waits until `is` holds; fails after half a minute. */
export async function eventually(is, message = String(is)) {
  for (const end = performance.now() + DEADLINE_MS; performance.now() < end;) {
    if (await is()) return;
    await sleep(10);
  }
  throw new Error(`This did not come true: ${message}`);
}

/** What somebody waits for until it is opened. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
