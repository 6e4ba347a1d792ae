import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until `is` holds; fails after ten seconds. */
export async function eventually(is, message = String(is)) {
  for (const end = performance.now() + 10_000; performance.now() < end;) {
    if (await is()) return;
    await sleep(10);
  }
  throw new Error(`This did not come true: ${message}`);
}
