// A camera that shows the time: every picture says when it was drawn, in milliseconds, so that a
// file tells by itself what it holds of a moment and what it lacks.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Small pictures: what a machine with two cores carries for several people and a recorder. */
export const CLOCK_CAMERA = {
  width: 320,
  height: 180,
  framesPerSecond: 15,
  /** The time is shown in steps of this many milliseconds, as a binary number of 16 cells. */
  stepMs: 4,
  bits: 16,
} as const;

/** The number on the picture wraps here: after four minutes. */
const WRAP = 1 << CLOCK_CAMERA.bits;

const LOOK_WIDTH = 64;
const LOOK_HEIGHT = 36;
/** Cells whose bright and dark rows differ by less were decoded wrongly, or between two pictures. */
const CONTRAST = 60;

/**
 * Run in a page before its own scripts: whoever asks for a camera gets one that shows the time. The
 * picture goes the way of every other: real encoder, real network, real tape. The microphone stays
 * the browser's.
 */
export function installClockCamera(camera: typeof CLOCK_CAMERA): void {
  const devices = navigator.mediaDevices;
  if (devices === undefined) {
    return;
  }
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted?: MediaStreamConstraints) => {
    if (!wanted?.video) {
      return ask(wanted);
    }
    const canvas = document.createElement('canvas');
    canvas.width = camera.width;
    canvas.height = camera.height;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (context === null) {
      throw new Error('no canvas');
    }
    const cell = camera.width / camera.bits;
    const row = camera.height / 6;
    const draw = () => {
      const shown = Math.floor(Date.now() / camera.stepMs) % 2 ** camera.bits;
      context.fillStyle = `hsl(${(shown / 8) % 360} 60% 40%)`;
      context.fillRect(0, 0, camera.width, camera.height);
      for (let bit = 0; bit < camera.bits; bit += 1) {
        const isSet = ((shown >> bit) & 1) === 1;
        context.fillStyle = isSet ? '#fff' : '#000';
        context.fillRect(bit * cell, 0, cell, row);
        context.fillStyle = isSet ? '#000' : '#fff';
        context.fillRect(bit * cell, row, cell, row);
      }
    };
    draw();
    setInterval(draw, 1_000 / camera.framesPerSecond);
    return canvas.captureStream(camera.framesPerSecond);
  };
}

const run = promisify(execFile);

/** Most bytes that a program may print: a minute of small pictures. */
const MAX_OUTPUT_BYTES = 1 << 26;

/**
 * When each picture of a file was drawn, milliseconds since the epoch. `nearMs` is a moment within
 * two minutes of all of them. The whole file is decoded, and every fault of it is an error.
 */
export async function drawnAt(path: string, nearMs: number): Promise<number[]> {
  const { stdout } = await run(
    'ffmpeg',
    [
      '-v', 'error', '-xerror', '-i', path,
      '-vf', `scale=${LOOK_WIDTH}:${LOOK_HEIGHT}:flags=area,format=gray`,
      '-fps_mode', 'passthrough', '-f', 'rawvideo', '-',
    ],
    { encoding: 'buffer', maxBuffer: MAX_OUTPUT_BYTES },
  );
  const times: number[] = [];
  for (let from = 0; from + LOOK_WIDTH * LOOK_HEIGHT <= stdout.length; from += LOOK_WIDTH * LOOK_HEIGHT) {
    const shown = readCells(stdout.subarray(from, from + LOOK_WIDTH * LOOK_HEIGHT));
    if (shown !== null) {
      times.push(nearest(shown, nearMs));
    }
  }
  return times;
}

function readCells(picture: Buffer): number | null {
  const width = LOOK_WIDTH / CLOCK_CAMERA.bits;
  let shown = 0;
  for (let bit = 0; bit < CLOCK_CAMERA.bits; bit += 1) {
    const x = bit * width + width / 2;
    const above = picture[3 * LOOK_WIDTH + x] ?? 0;
    const below = picture[9 * LOOK_WIDTH + x] ?? 0;
    if (Math.abs(above - below) < CONTRAST) {
      return null;
    }
    shown |= above > below ? 1 << bit : 0;
  }
  return shown;
}

/** The moment nearest to `nearMs` at which this number was shown. */
function nearest(shown: number, nearMs: number): number {
  const now = Math.floor(nearMs / CLOCK_CAMERA.stepMs);
  const ahead = (((shown - now) % WRAP) + WRAP) % WRAP;
  const steps = ahead < WRAP / 2 ? ahead : ahead - WRAP;
  return (now + steps) * CLOCK_CAMERA.stepMs;
}

/** When each packet of a sound file begins, milliseconds from the recording's start. */
export async function soundAt(path: string): Promise<number[]> {
  const { stdout } = await run(
    'ffprobe',
    ['-v', 'error', '-select_streams', 'a', '-show_entries', 'packet=pts_time', '-of', 'csv=p=0', path],
    { maxBuffer: MAX_OUTPUT_BYTES },
  );
  return stdout
    .split('\n')
    .map((line) => Number.parseFloat(line) * 1_000)
    .filter((at) => !Number.isNaN(at));
}

/** Decodes a file from its first to its last frame; a fault in it is an error. */
export async function decodeWhole(path: string): Promise<void> {
  const { stderr } = await run('ffmpeg', ['-v', 'error', '-xerror', '-i', path, '-f', 'null', '-'], {
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  if (stderr.trim() !== '') {
    throw new Error(`${path} does not decode: ${stderr.trim()}`);
  }
}
