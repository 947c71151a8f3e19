// The end of a test file: nothing that it started may outlive it.

/**
 * Ends one after the other, each also when those before it failed. What was never started answers
 * `undefined`. Fails with all failures at the end.
 */
export async function endAll(...ends: readonly (() => Promise<unknown> | undefined)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const end of ends) {
    try {
      await end();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 1) {
    throw new AggregateError(failures, failures.map(String).join('\n'));
  }
  if (failures.length === 1) {
    throw failures[0];
  }
}
