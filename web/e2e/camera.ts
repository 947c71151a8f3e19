// Fake cameras and microphones whose every frame and tone can be recognised at the other end.
//
// A camera is one colour with a frame counter drawn as two rows of eight cells: the bits of the
// counter (white is 1) above their inverse, so that a frame that was decoded wrongly, or caught
// between two others, is told from a good one.

import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';

/** Picture size and rate: what three encoders and six decoders carry on two cores. */
export const WIDTH = 640;
export const HEIGHT = 360;
export const FRAMES_PER_SECOND = 15;

/** The counter wraps here; the file loops after as many frames. */
export const COUNTER_PERIOD = 150;

const CELL_WIDTH = WIDTH / 8;
const CELL_HEIGHT = 60;
const WHITE = 235;
const BLACK = 16;

/** A colour in the YUV of BT.601, limited range. */
export interface Colour {
  readonly name: string;
  readonly y: number;
  readonly u: number;
  readonly v: number;
}

export const COLOURS = {
  red: { name: 'red', y: 82, u: 90, v: 240 },
  green: { name: 'green', y: 145, u: 54, v: 34 },
  blue: { name: 'blue', y: 41, u: 240, v: 110 },
} as const satisfies Record<string, Colour>;

/** How far a noisy camera's pixels are from its colour, at most. */
const NOISE = 16;

/** Where a noisy camera's noise begins: a person fills about so much of a picture. */
const NOISE_FROM_ROW = Math.round(HEIGHT * 0.75);

/** Noise that is the same in every run (Numerical Recipes' generator). */
function addNoise(luma: Buffer, seed: number): void {
  let state = seed;
  for (let at = WIDTH * NOISE_FROM_ROW; at < luma.length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    luma[at] = (luma[at] ?? 0) + ((state >>> 24) % (2 * NOISE + 1)) - NOISE;
  }
}

function frame(colour: Colour, counter: number, noisy: boolean): Buffer {
  const luma = Buffer.alloc(WIDTH * HEIGHT, colour.y);
  if (noisy) addNoise(luma, counter + 1);
  const chromaSize = (WIDTH / 2) * (HEIGHT / 2);
  const u = Buffer.alloc(chromaSize, colour.u);
  const v = Buffer.alloc(chromaSize, colour.v);
  for (let row = 0; row < CELL_HEIGHT * 2; row += 1) {
    for (let cell = 0; cell < 8; cell += 1) {
      const bit = ((counter >> cell) & 1) === 1;
      const white = row < CELL_HEIGHT ? bit : !bit;
      const from = row * WIDTH + cell * CELL_WIDTH;
      luma.fill(white ? WHITE : BLACK, from, from + CELL_WIDTH);
    }
    if (row % 2 === 0) {
      const from = (row / 2) * (WIDTH / 2);
      u.fill(128, from, from + WIDTH / 2);
      v.fill(128, from, from + WIDTH / 2);
    }
  }
  return Buffer.concat([luma, u, v]);
}

/**
 * Writes a camera file (YUV4MPEG2) that Chromium's fake device plays in a loop. A noisy one takes all
 * the bits that an encoder may spend; a plain one next to none.
 */
export function writeCamera(path: string, colour: Colour, noisy = false): void {
  const file = openSync(path, 'w');
  writeSync(file, `YUV4MPEG2 W${WIDTH} H${HEIGHT} F${FRAMES_PER_SECOND}:1 Ip A1:1 C420jpeg\n`);
  for (let counter = 0; counter < COUNTER_PERIOD; counter += 1) {
    writeSync(file, 'FRAME\n');
    writeSync(file, frame(colour, counter, noisy));
  }
  closeSync(file);
}

const SAMPLE_RATE_HZ = 48_000;
const TONE_SECONDS = 10;

/**
 * Writes a microphone file: a tone in bursts of 400 ms with pauses of 200 ms. A steady tone is
 * what a browser's noise suppression is made to remove; bursts pass like speech does.
 */
export function writeMicrophone(path: string, frequencyHz: number): void {
  const samples = SAMPLE_RATE_HZ * TONE_SECONDS;
  const body = Buffer.alloc(samples * 2);
  for (let index = 0; index < samples; index += 1) {
    const second = index / SAMPLE_RATE_HZ;
    const inBurst = second % 0.6;
    const edge = Math.min(inBurst / 0.02, (0.4 - inBurst) / 0.02, 1);
    const loudness = inBurst < 0.4 ? Math.max(edge, 0) * 0.5 : 0;
    const value = Math.sin(2 * Math.PI * frequencyHz * second) * loudness;
    body.writeInt16LE(Math.round(value * 32_767), index * 2);
  }
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + body.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLE_RATE_HZ, 24);
  header.writeUInt32LE(SAMPLE_RATE_HZ * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(body.length, 40);
  writeFileSync(path, Buffer.concat([header, body]));
}
