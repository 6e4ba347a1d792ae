/** A limit whose clauses the server keeps under a name; see RL.POLICY. */

import { ConfigurationError } from '../errors.js';
import { shown } from '../options/shown.js';

const NAME = /^[A-Za-z0-9._:/@-]{1,64}$/;

/** `policy NAME`: the clauses are those that RL.POLICY SET last gave it. */
export class Policy {
  /** @throws ConfigurationError for an invalid name */
  constructor(readonly policy: string) {
    if (typeof policy === 'string' && NAME.test(policy)) return;
    throw new ConfigurationError(
      "a policy's name must be 1 to 64 characters of A-Z a-z 0-9 . _ : / @ -, " +
        `not ${shown(policy)}`,
    );
  }

  /** The words of its clause in RL.LIMIT. */
  get words(): string[] {
    return ['POLICY', this.policy];
  }

  /** Its name as headers can carry it. */
  get label(): string {
    return this.policy.replace(/[:@]/g, '_');
  }
}

/** The policy that `part` of a limit string names; undefined for any other limit. */
export function readPolicy(part: string): string | undefined {
  return /^[ \t\r\n\f\v]*policy[ \t\r\n\f\v]+([^ \t\r\n\f\v]+)[ \t\r\n\f\v]*$/i.exec(part)?.[1];
}
