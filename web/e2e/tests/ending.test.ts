// @vitest-environment node
import { expect, test } from 'vitest';

import { endAll } from '../ending.ts';

const ended: string[] = [];
const ends = (what: string) => async () => ended.push(what);
const fails = (what: string) => async () => {
  throw new Error(`${what} does not end`);
};
const never = undefined as { end: () => Promise<void> } | undefined;

test('everything ends in order, whatever became of what was before, and failures are told', async () => {
  const all = endAll(fails('Ada'), ends('Ben'), () => never?.end(), fails('relay'), ends('server'));
  await expect(all).rejects.toThrow('Error: Ada does not end\nError: relay does not end');
  expect(ended).toEqual(['Ben', 'server']);
});

test('one failure is told as it is', async () => {
  await expect(endAll(ends('Ada'), fails('Ben'))).rejects.toThrow(/^Ben does not end$/);
});
