// What a file of tests opens, closed when its last test is over.
import { after } from 'node:test';

const closers = [];

/** Called in the reverse order; `after` would belong to the test that happens to run. */
export function atEnd(close) {
  closers.push(close);
}

after(async () => {
  for (const close of closers.reverse()) await close();
});
