// What nobody receives is not sent: a camera that nobody sees, and layers in a size that nobody
// needs. Who looks sees at once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Person } from './browser.ts';
import { COLOURS, HEIGHT } from './camera.ts';
import { endAll } from './ending.ts';
import { LIMITS } from './limits.ts';
import { Server } from './server.ts';
import { sending, soundSent, untilSeen, untilSending } from './streams.ts';
import { placeWitness } from './witness.ts';

/** So large that the camera's largest layer is needed, and so small that its smallest does. */
const LARGE = { width: 1_280, height: 800 };
const SMALL = { width: 360, height: 420 };

/** A tone that is none. */
const SILENCE_HZ = 0;
/** Speech is fifty packets a second; a silence says a few times a second that it goes on. */
const SILENT_PACKETS_PER_SECOND = 10;

let server: Server;
let ann: Person;
let ben: Person;
let link = '';

beforeAll(async () => {
  server = await Server.start({ owner: true });
  [ann, ben] = await Promise.all([
    Person.arrive('Ann', { colour: COLOURS.red, toneHz: SILENCE_HZ }),
    Person.arrive('Ben', undefined, { viewport: LARGE }),
  ]);
  await placeWitness(ann.page);
  await placeWitness(ben.page);
  await ann.signIn(server);
});

afterAll(async () => {
  await endAll(
    () => ann?.goAway(),
    () => ben?.goAway(),
    () => server?.dispose(),
  );
});

describe('a camera', () => {
  test('that nobody sees is not sent', async () => {
    link = await ann.startMeeting();
    await untilSending(ann.page, [], LIMITS.actionMs);
    expect(await sending(ann.page, 2_000)).toEqual([]);
  });

  test('and a silence is hardly sent either', async () => {
    const packets = await soundSent(ann.page, 3_000);
    console.log(`figure: ${packets} packets of silence in 3 s`);
    expect(packets).toBeGreaterThan(0);
    expect(packets).toBeLessThanOrEqual(3 * SILENT_PACKETS_PER_SECOND);
  });

  test('is seen at once by whoever comes, in full height and no other', async () => {
    await ben.joinBy(link);
    const tookMs = await untilSeen(ben.page, HEIGHT, LIMITS.actionMs);
    console.log(`figure: the camera that rested is seen ${tookMs} ms after coming in`);
    await untilSending(ann.page, ['h'], LIMITS.actionMs);
  });

  test('is sent small for who sees it small, and large again for who sees it large', async () => {
    await ben.page.setViewportSize(SMALL);
    const smallMs = await untilSeen(ben.page, HEIGHT / 2, LIMITS.actionMs);
    const offMs = await untilSending(ann.page, ['q'], LIMITS.actionMs);
    await ben.page.setViewportSize(LARGE);
    const largeMs = await untilSeen(ben.page, HEIGHT, LIMITS.actionMs);
    console.log(`figure: small after ${smallMs} ms, the large layer off ${offMs} ms later, large again after ${largeMs} ms`);
    expect(offMs).toBeLessThanOrEqual(LIMITS.layerOffMs);
    expect(largeMs).toBeLessThanOrEqual(LIMITS.layerOnMs);
  });

  test('and a muted microphone, whose owner spoke before, hardly sends', async () => {
    await ben.at('toolbar-mute').click();
    const packets = await soundSent(ben.page, 3_000);
    console.log(`figure: ${packets} packets of a muted microphone in 3 s`);
    expect(packets).toBeLessThanOrEqual(3 * SILENT_PACKETS_PER_SECOND);
  });

  test('is not sent any more when the last who saw it goes', async () => {
    await ben.at('toolbar-leave').click();
    const offMs = await untilSending(ann.page, [], LIMITS.actionMs);
    console.log(`figure: nothing is sent ${offMs} ms after the last has gone`);
    expect(offMs).toBeLessThanOrEqual(LIMITS.layerOffMs);
  });

  test('and nobody complained', () => {
    expect([...ann.complaints, ...ben.complaints]).toEqual([]);
  });
});
