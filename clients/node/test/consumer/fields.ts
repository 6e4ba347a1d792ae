// A user of the package who answers with fetch's Response.
import { createLimiter, fieldsOf, problemOf, quotaExceeded } from 'redis-rl';

const limiter = createLimiter({ enabled: false });

export async function answer(): Promise<Response> {
  try {
    const outcome = await limiter.check('ann', '5/minute');
    const headers = new Headers(fieldsOf(outcome));
    return new Response(outcome.allowed ? 'ok' : quotaExceeded(outcome), { headers });
  } catch (error) {
    const problem = problemOf(error);
    if (!problem) throw error;
    return new Response(problem.body, { status: problem.status, headers: problem.fields });
  }
}
