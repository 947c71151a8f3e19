// A line that is wide, becomes narrow and is wide again, under one of two people in a meeting: they
// are heard all the time, and the picture follows the line.
//
// Ada's pages and media go through `colloquy bench impair`; Ben's do not.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Person } from './browser.ts';
import { COLOURS, HEIGHT } from './camera.ts';
import { endAll } from './ending.ts';
import { goAroundRelay, Impairment, RELAY_IP } from './impairment.ts';
import { LIMITS } from './limits.ts';
import { Server } from './server.ts';
import { untilSeen } from './streams.ts';
import { counters, longestGapMs, placeWitness, testimony } from './witness.ts';

const WIDE = { rate_bps: 5_000_000, queue_ms: 300 };
const NARROW = { rate_bps: 300_000, queue_ms: 300 };

/** How long the line is narrow. */
const NARROW_FOR_MS = 15_000;
/** Large enough for the camera's largest layer. */
const LARGE = { width: 1_280, height: 800 };

let server: Server;
let impairment: Impairment;
let ada: Person;
let ben: Person;
let benId = '';

beforeAll(async () => {
  server = await Server.start({ owner: true, mediaAt: RELAY_IP });
  impairment = await Impairment.between(server);
  await impairment.set(WIDE);
  [ada, ben] = await Promise.all([
    Person.arrive('Ada', { colour: COLOURS.red, toneHz: 523, noisy: true }, { flags: impairment.flags(server), viewport: LARGE }),
    Person.arrive('Ben', { colour: COLOURS.green, toneHz: 784, noisy: true }, { viewport: LARGE }),
  ]);
  await goAroundRelay(ben.page);
  await Promise.all([ada, ben].map((person) => placeWitness(person.page)));
  await ben.signIn(server);
  await ada.joinBy(await ben.startMeeting());
  await Promise.all([ada, ben].map((person) => untilSeen(person.page, HEIGHT, LIMITS.picturesMs)));
  benId = (await ben.page.locator('[data-testid="tile"][data-self="true"]').getAttribute('data-participant')) ?? '';
});

afterAll(async () => {
  await endAll(
    () => ada?.goAway(),
    () => ben?.goAway(),
    () => impairment?.close(),
    () => server?.dispose(),
  );
});

/** How the other's picture is shown: its height, or that it is paused. */
async function shown(person: Person): Promise<string> {
  return person.page.evaluate(() => {
    const tile = document.querySelector<HTMLElement>('[data-testid="tile"][data-self="false"]');
    const height = tile?.querySelector('video')?.videoHeight ?? 0;
    return tile?.dataset['paused'] ?? String(height);
  });
}

/** The share of the sound that was made up in a while. */
async function concealed(person: Person, durationMs: number): Promise<number> {
  const before = await counters(person.page);
  await person.page.waitForTimeout(durationMs);
  const after = await counters(person.page);
  return (after.concealed - before.concealed) / Math.max(1, after.samples - before.samples);
}

describe('a line from 5 Mbit/s to 300 kbit/s and back', () => {
  test('carries both voices while it is narrow, and what pictures it can', async () => {
    await impairment.set(NARROW);
    const [toAda, toBen] = await Promise.all([concealed(ada, NARROW_FOR_MS), concealed(ben, NARROW_FOR_MS)]);
    console.log(`figure: on the narrow line ${(toAda * 100).toFixed(1)} % of the sound down and ${(toBen * 100).toFixed(1)} % up is made up`);
    expect(toAda).toBeLessThanOrEqual(LIMITS.narrowConcealedShare);
    expect(toBen).toBeLessThanOrEqual(LIMITS.narrowConcealedShare);
    const [down, up] = await Promise.all([ada, ben].map((person) => shown(person)));
    console.log(`figure: on the narrow line pictures are ${down} down and ${up} up`);
    for (const picture of [down, up]) expect(picture).not.toBe(String(HEIGHT));
  });

  test('shows everyone in full height soon after it is wide again', async () => {
    const wideAt = Date.now();
    await impairment.set(WIDE);
    const [adaMs, benMs] = await Promise.all([
      untilSeen(ada.page, HEIGHT, LIMITS.fullHeightMs).then(async () => {
        await ada.page.waitForTimeout(1_000);
        return Date.now() - wideAt - 1_000;
      }),
      untilSeen(ben.page, HEIGHT, LIMITS.fullHeightMs),
    ]);
    console.log(`figure: in full height ${adaMs} ms down and ${benMs} ms up after the line was wide again`);
    const { frames } = await testimony(ada.page, wideAt + adaMs);
    expect(longestGapMs(frames[benId] ?? [], wideAt + adaMs, wideAt + adaMs + 1_000)).toBeLessThan(1_000);
  });
});
