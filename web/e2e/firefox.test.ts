// Firefox and Chromium in one meeting: each joins, publishes and sees and hears the other.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Person } from './browser.ts';
import { COLOURS } from './camera.ts';
import { endAll } from './ending.ts';
import { Firefox } from './firefox.ts';
import { LIMITS } from './limits.ts';
import { listen } from './senses.ts';
import { Server } from './server.ts';
import { placeWitness } from './witness.ts';

/** Of the two. Firefox's made-up microphone sounds at 1 kHz. */
const ANN_HZ = 523;
const FIREFOX_HZ = 1_000;
const HEARD_DB = 30;
/** Of the tone as it is decoded, pauses included; full scale is 1. */
const LEAST_AMPLITUDE = 0.1;

/** How long pictures are counted. */
const WATCHED_MS = 5_000;
/** Frames in that time, of fifteen or more a second. */
const LEAST_FRAMES = 40;

let server: Server;
let ann: Person;
let fenna: Firefox;
let link = '';

beforeAll(async () => {
  server = await Server.start({ owner: true });
  [ann, fenna] = await Promise.all([
    Person.arrive('Ann', { colour: COLOURS.red, toneHz: ANN_HZ }),
    Firefox.arrive('Fenna'),
  ]);
  await placeWitness(ann.page);
  await ann.signIn(server);
  link = await ann.startMeeting();
});

afterAll(async () => {
  await endAll(
    () => ann?.goAway(),
    () => fenna?.goAway(),
    () => server?.dispose(),
  );
});

/** Whether the other's picture is there and moves. Runs in a page. */
function otherMoves(): boolean {
  const video = document.querySelector<HTMLVideoElement>('video[data-self="false"][data-source="camera"]');
  return video !== null && video.videoWidth > 0 && video.currentTime > 1;
}

/** Counts the frames of the other's picture. Runs in a page. */
async function countFrames(durationMs: number): Promise<{ frames: number; height: number; colour: number[] }> {
  const video = document.querySelector<HTMLVideoElement>('video[data-self="false"][data-source="camera"]');
  if (video === null) throw new Error('there is no picture of the other');
  let frames = 0;
  const look = () => {
    frames += 1;
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  await new Promise((resolve) => setTimeout(resolve, durationMs));
  const canvas = document.createElement('canvas');
  canvas.width = 64;
  canvas.height = 36;
  const context = canvas.getContext('2d');
  context?.drawImage(video, 0, 0, 64, 36);
  const colour = [...(context?.getImageData(32, 27, 1, 1).data ?? [])].slice(0, 3);
  return { frames, height: video.videoHeight, colour };
}

/**
 * What was decoded of sound on the page's newest connection: its energy and its length in seconds. A
 * browser without a loudspeaker runs no AudioContext; what it would play is decoded all the same.
 */
async function soundIn(): Promise<{ energy: number; seconds: number }> {
  const sum = { energy: 0, seconds: 0 };
  const report = await window.__peers?.at(-1)?.getStats();
  report?.forEach((entry: Record<string, number> & { type: string; kind: string }) => {
    if (entry.type !== 'inbound-rtp' || entry.kind !== 'audio') return;
    sum.energy += entry['totalAudioEnergy'] ?? 0;
    sum.seconds += entry['totalSamplesDuration'] ?? 0;
  });
  return sum;
}

describe('Firefox and Chromium', () => {
  test('Firefox comes into the meeting', async () => {
    await fenna.joinBy(link, LIMITS.picturesMs);
  });

  test('Firefox sees Chromium', async () => {
    await fenna.waitFor(otherMoves, null, LIMITS.picturesMs);
    const seen = await fenna.evaluate(countFrames, WATCHED_MS);
    console.log(`figure: Firefox sees ${seen.frames} frames of Chromium in ${WATCHED_MS} ms, ${seen.height} lines`);
    expect(seen.frames).toBeGreaterThanOrEqual(LEAST_FRAMES);
    const [red = 0, green = 0, blue = 0] = seen.colour;
    expect(red).toBeGreaterThan(green + blue);
  });

  test('Chromium sees Firefox', async () => {
    await ann.page.waitForFunction(otherMoves, undefined, { timeout: LIMITS.picturesMs });
    const seen = await ann.page.evaluate(countFrames, WATCHED_MS);
    console.log(`figure: Chromium sees ${seen.frames} frames of Firefox in ${WATCHED_MS} ms, ${seen.height} lines`);
    expect(seen.frames).toBeGreaterThanOrEqual(LEAST_FRAMES);
    expect(seen.height).toBeGreaterThanOrEqual(180);
  });

  test('they hear each other', async () => {
    const [own, other] = await listen(ann.page, [ANN_HZ, FIREFOX_HZ], 3_000);
    console.log(`figure: Chromium hears Firefox ${Math.round(other ?? 0)} dB over the rest, itself ${Math.round(own ?? 0)}`);
    expect(other).toBeGreaterThan(HEARD_DB);
    const before = await fenna.evaluate(soundIn, null);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const after = await fenna.evaluate(soundIn, null);
    const loudness = Math.sqrt((after.energy - before.energy) / (after.seconds - before.seconds));
    console.log(`figure: Firefox hears Chromium with an amplitude of ${loudness.toFixed(2)}`);
    expect(loudness).toBeGreaterThan(LEAST_AMPLITUDE);
  });

  test('Firefox leaves, and Chromium complained of nothing', async () => {
    await fenna.click('toolbar-leave');
    await ann.page.waitForFunction(() => document.querySelectorAll('[data-testid="tile"]').length === 1, undefined, {
      timeout: LIMITS.actionMs,
    });
    expect(ann.complaints).toEqual([]);
  });
});
