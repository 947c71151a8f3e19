// A camera in each codec that browsers send layers in, seen small and in full height.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Person } from './browser.ts';
import { COLOURS, HEIGHT } from './camera.ts';
import { endAll } from './ending.ts';
import { LIMITS } from './limits.ts';
import { colourName, fluency, watch } from './senses.ts';
import { Server } from './server.ts';
import { sending, untilSeen } from './streams.ts';
import { placeWitness } from './witness.ts';

/** In which the camera's largest layer is needed, and in which its smallest does. */
const LARGE = { width: 1_280, height: 800 };
const SMALL = { width: 360, height: 420 };

/** How long each size is watched. */
const WATCHED_MS = 3_000;

let server: Server;
let ann: Person;
let ben: Person;

beforeAll(async () => {
  server = await Server.start({ owner: true });
  [ann, ben] = await Promise.all([
    Person.arrive('Ann', { colour: COLOURS.green, toneHz: 523 }),
    Person.arrive('Ben', undefined, { viewport: LARGE }),
  ]);
  await placeWitness(ann.page);
  await ann.signIn(server);
});

afterAll(async () => {
  await endAll(
    () => ann?.goAway(),
    () => ben?.goAway(),
    () => server?.dispose(),
  );
});

async function choose(person: Person, videoCodec: string) {
  await person.page.evaluate((chosen) => {
    const name = 'colloquy.wishes';
    const before = JSON.parse(localStorage.getItem(name) ?? '{}') as object;
    localStorage.setItem(name, JSON.stringify({ ...before, videoCodec: chosen }));
  }, videoCodec);
  await person.page.goto(server.url);
}

/** Whole and moving pictures, without a long gap. */
async function seesWell(person: Person, what: string) {
  const [sight] = await watch(person.page, WATCHED_MS);
  const flow = fluency(sight?.seen ?? []);
  console.log(`figure: ${what}: ${(flow.share * 100).toFixed(0)} % of ${flow.made} frames, longest gap ${flow.longestGapMs.toFixed(0)} ms`);
  expect(colourName(sight?.colour ?? [0, 0, 0])).toBe('green');
  expect(flow.made).toBeGreaterThan(20);
  expect(flow.share).toBeGreaterThanOrEqual(LIMITS.frameShare);
  expect(flow.longestGapMs).toBeLessThanOrEqual(LIMITS.frameGapMs);
}

describe.each([['vp8'], ['h264'], ['vp9'], ['av1']])('a camera in %s', (codec) => {
  test('is sent in it', async () => {
    await choose(ann, codec);
    const link = await ann.startMeeting();
    await ben.joinBy(link);
    const tookMs = await untilSeen(ben.page, HEIGHT, LIMITS.actionMs);
    const sent = await sending(ann.page, 1_000);
    console.log(`figure: ${codec}: in full height after ${tookMs} ms, sent ${JSON.stringify(sent)}`);
    expect(new Set(sent.map((stream) => stream.codec))).toEqual(new Set([codec]));
  });

  test('is seen in full height', async () => {
    await seesWell(ben, `${codec} in full height`);
  });

  test('is seen small where it is small, and in full height again', async () => {
    await ben.page.setViewportSize(SMALL);
    const smallMs = await untilSeen(ben.page, HEIGHT / 2, LIMITS.actionMs);
    await seesWell(ben, `${codec} small, after ${smallMs} ms`);
    await ben.page.setViewportSize(LARGE);
    const largeMs = await untilSeen(ben.page, HEIGHT, LIMITS.actionMs);
    await seesWell(ben, `${codec} in full height again, after ${largeMs} ms`);
  });

  test('and nobody complained', async () => {
    for (const person of [ben, ann]) await person.at('toolbar-leave').click();
    expect([...ann.complaints, ...ben.complaints]).toEqual([]);
  });
});
