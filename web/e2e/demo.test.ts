// A demo meeting: synthetic participants whose flash and beep are exact, so that the whole way
// from publisher to file can be measured against them.

import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { Person } from './browser.ts';
import { endAll } from './ending.ts';
import { accessToken, Files, power, probe, samples, type SessionAnswer } from './files.ts';
import { LIMITS } from './limits.ts';
import { Server } from './server.ts';

/** The synthetic participant's reference (recorder::compose::synthetic). */
const BEEP_HZ = 1_000;
const SAMPLE_RATE_HZ = 48_000;

/** Picture and sound of one moment may be this far apart. */
const MOST_SKEW_MS = 40;

let server: Server;
let owner: Person;

beforeAll(async () => {
  server = await Server.start({ owner: true });
  owner = await Person.arrive('Olga');
});

afterAll(async () => {
  await endAll(() => owner?.goAway(), () => server?.dispose());
});

async function call(path: string, method: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${await accessToken(server)}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) {
    throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  }
  return answer.status === 204 ? undefined : answer.json().catch(() => undefined);
}

async function until<T>(what: string, withinMs: number, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== undefined) {
      return found;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${what}: not within ${withinMs} ms`);
}

test('one person alone sees a room full of people', async () => {
  await owner.signIn(server);
  await owner.at('start-demo').click();
  await owner.at('preview-join').click();
  await owner.at('toolbar-leave').waitFor();
  await owner.page.waitForFunction(
    () =>
      [...document.querySelectorAll<HTMLVideoElement>('video[data-participant]')].filter(
        (video) => video.dataset['self'] !== 'true' && video.videoWidth > 0 && video.currentTime > 1,
      ).length === 3,
    undefined,
    { timeout: LIMITS.picturesMs },
  );
  await owner.at('toolbar-end').click();
  await owner.at('confirm-end').click();
  await owner.page.waitForURL(/\/sessions\//);
});

/** When the picture turns bright, milliseconds: the flash of each second. */
function flashes(path: string): number[] {
  const width = 64;
  const height = 36;
  const rate = 100;
  const raw = execFileSync(
    'ffmpeg',
    ['-v', 'error', '-i', path, '-an', '-vf', `fps=${rate},scale=${width}:${height},format=gray`, '-f', 'rawvideo', '-'],
    { maxBuffer: 1 << 30 },
  );
  const size = width * height;
  const brightest: number[] = [];
  for (let from = 0; from + size <= raw.length; from += size) {
    let white = 0;
    for (const value of raw.subarray(from, from + size)) {
      white += value > 225 ? 1 : 0;
    }
    brightest.push(white);
  }
  const most = Math.max(...brightest);
  return risesOf(brightest.map((value) => value > most / 2)).map((at) => (at * 1000) / rate);
}

/** When the beep sounds, milliseconds. */
function beeps(path: string): number[] {
  const all = samples(path);
  const step = SAMPLE_RATE_HZ / 500;
  const window = SAMPLE_RATE_HZ / 200;
  const levels: number[] = [];
  for (let from = 0; from + window <= all.length; from += step) {
    levels.push(power(all.subarray(from, from + window), BEEP_HZ));
  }
  const most = Math.max(...levels);
  return risesOf(levels.map((level) => level > most / 4)).map((at) => (at * step * 1000) / SAMPLE_RATE_HZ);
}

/** Where a signal comes on. */
function risesOf(on: boolean[]): number[] {
  return on.flatMap((value, at) => (value && at > 0 && !on[at - 1] ? [at] : []));
}

test('a recording keeps flash and beep together within 40 ms', async () => {
  const room = (await call('/api/rooms', 'POST', { title: 'Lip sync' })) as { id: string };
  await call(`/api/rooms/${room.id}/demo`, 'POST', { participants: 1 });
  const running = await until('the synthetic participant', 10_000, async () => {
    const now = (await call(`/api/rooms/${room.id}`, 'GET')) as { status: string; session_id?: string };
    return now.status === 'live' ? now : undefined;
  });
  await call(`/api/rooms/${room.id}/recordings`, 'POST', {});
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  await call(`/api/rooms/${room.id}/end`, 'POST', {});
  const session = await until('the recording', LIMITS.recordingReadyMs, async () => {
    const now = (await call(`/api/sessions/${running.session_id}`, 'GET')) as SessionAnswer;
    return now.recordings[0]?.status === 'ready' ? now : undefined;
  });
  const files = await Files.of(server, session.id);
  const composed = files.download('composed');
  expect(probe(composed).durationMs).toBeGreaterThan(13_000);
  const seen = flashes(composed);
  const heard = beeps(composed);
  const skews = seen.flatMap((flash) => {
    const nearest = heard.reduce((best, beep) => (Math.abs(beep - flash) < Math.abs(best - flash) ? beep : best), Infinity);
    return Math.abs(nearest - flash) < 400 ? [nearest - flash] : [];
  });
  console.log(`figure: beep minus flash, ms: ${skews.map((skew) => skew.toFixed(0)).join(' ')}`);
  expect(skews.length).toBeGreaterThanOrEqual(10);
  for (const skew of skews) {
    expect(Math.abs(skew)).toBeLessThanOrEqual(MOST_SKEW_MS);
  }
  expect(files.recording.health.largest_av_skew_ms).not.toBeNull();
});
