// @vitest-environment node
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Impairment } from '../impairment.ts';
import type { Server } from '../server.ts';

const SERVER = { url: 'http://127.0.0.1:1', mediaPort: 2 } as Server;
const LISTENS = `echo '{"listening":{"udp":["127.0.0.2:2"],"tcp":["127.0.0.2:3"]}}'`;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'colloquy-impairment-'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

/** Stands in for the program: this shell script, which leaves its process id behind. */
async function relaysOf(script: string): Promise<Impairment> {
  const program = join(directory, 'program');
  writeFileSync(program, `#!/bin/sh\necho $$ > '${directory}/id'\n${LISTENS}\n${script}\n`, { mode: 0o755 });
  vi.stubEnv('COLLOQUY_BINARY', program);
  return Impairment.between(SERVER);
}

/** Turns until the process is gone: then its end has been told to whoever listened. */
async function isGone(): Promise<void> {
  const id = Number(readFileSync(join(directory, 'id'), 'utf8'));
  for (;;) {
    try {
      process.kill(id, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('relays end when they are closed', async () => {
  const impairment = await relaysOf('cat > /dev/null');
  await impairment.close();
  await isGone();
});

test('relays that ended by themselves can be closed all the same, and again', async () => {
  const impairment = await relaysOf('exit 1');
  await isGone();
  await impairment.close();
  await impairment.close();
});

test('an order to relays that ended fails in words', async () => {
  const impairment = await relaysOf('exec <&-; exit 1');
  await expect(impairment.set({ blackout: true })).rejects.toThrow('colloquy bench impair ended');
  await isGone();
  await expect(impairment.changeAddress()).rejects.toThrow('colloquy bench impair ended');
  await impairment.close();
});
