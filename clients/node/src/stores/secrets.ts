/** Keeps passwords out of errors, which end up in logs. */

const DEPTH = 4;

/** All passwords in the options of a client, however deep, also those within URLs. */
export function secretsIn(options: unknown, depth = DEPTH): string[] {
  if (typeof options === 'string') return passwordOf(options);
  if (typeof options !== 'object' || options === null || depth === 0) return [];
  return Object.entries(options).flatMap(([name, value]: [string, unknown]) =>
    /password$/i.test(name) && typeof value === 'string' && value !== ''
      ? [value]
      : secretsIn(value, depth - 1),
  );
}

/** `text` without passwords: those known, those of URLs, and arguments that a server repeats. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text
    .replace(/(\/\/[^\s:@/]*:)[^\s@/]+@/g, '$1***@')
    .replace(/(unknown command ['`]?(?:AUTH|HELLO)['`]?),? with args.*/is, '$1');
  for (const secret of secrets) clean = clean.replaceAll(secret, '***');
  return clean;
}

/** An error to show in place of `error`, whose fields may hold what was sent, passwords included. */
export function copyWithout(error: unknown, secrets: readonly string[]): unknown {
  if (!(error instanceof Error)) return withoutSecrets(String(error), secrets);
  const { name, message, stack, code } = error as Error & { code?: unknown };
  const copy = new Error(withoutSecrets(message, secrets));
  Object.defineProperty(copy, 'name', { value: name, configurable: true, writable: true });
  if (stack !== undefined) copy.stack = withoutSecrets(stack, secrets);
  return code === undefined ? copy : Object.assign(copy, { code });
}

function passwordOf(text: string): string[] {
  if (!/^[a-z+]+:\/\/[^@\s]*@/i.test(text) || !URL.canParse(text)) return [];
  const { password } = new URL(text);
  if (password === '') return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
