// What a participant really sees and hears: frame counters read from decoded pictures, tones
// found in decoded sound. Nothing here trusts "a track exists".

import type { Page } from 'playwright-core';

import { COUNTER_PERIOD } from './camera.ts';

/** One picture of a remote participant, as presented. */
export interface Seen {
  /** Milliseconds on the page's clock. */
  readonly at: number;
  /** The counter, or null when the cells contradict each other. */
  readonly counter: number | null;
}

/** What was seen of one remote video element. */
export interface Sight {
  readonly participant: string;
  readonly source: string;
  /** Mean colour below the counter, red green blue. */
  readonly colour: readonly [number, number, number];
  readonly seen: readonly Seen[];
}

/** Watches every remote video of a page for a while. */
export async function watch(page: Page, durationMs: number): Promise<Sight[]> {
  return page.evaluate(async (duration) => {
    const SCALE_WIDTH = 64;
    const SCALE_HEIGHT = 36;
    const videos = [...document.querySelectorAll<HTMLVideoElement>('video[data-participant]')].filter(
      (video) => video.dataset['self'] !== 'true',
    );
    const watched = videos.map((video) => {
      const canvas = document.createElement('canvas');
      canvas.width = SCALE_WIDTH;
      canvas.height = SCALE_HEIGHT;
      const context = canvas.getContext('2d', { willReadFrequently: true });
      if (context === null) {
        throw new Error('no canvas');
      }
      const seen: { at: number; counter: number | null }[] = [];
      let colour: [number, number, number] = [0, 0, 0];
      let over = false;
      const look = (now: number) => {
        context.drawImage(video, 0, 0, SCALE_WIDTH, SCALE_HEIGHT);
        const pixels = context.getImageData(0, 0, SCALE_WIDTH, SCALE_HEIGHT).data;
        const luma = (x: number, y: number) => {
          const at = (y * SCALE_WIDTH + x) * 4;
          return ((pixels[at] ?? 0) + (pixels[at + 1] ?? 0) + (pixels[at + 2] ?? 0)) / 3;
        };
        let counter: number | null = 0;
        for (let cell = 0; cell < 8; cell += 1) {
          const above = luma(cell * 8 + 4, 3);
          const below = luma(cell * 8 + 4, 9);
          if (Math.abs(above - below) < 60) {
            counter = null;
            break;
          }
          counter |= above > below ? 1 << cell : 0;
        }
        const at = (27 * SCALE_WIDTH + 32) * 4;
        colour = [pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0];
        seen.push({ at: now, counter });
        if (!over) {
          video.requestVideoFrameCallback(look);
        }
      };
      video.requestVideoFrameCallback(look);
      return {
        end: () => {
          over = true;
        },
        result: () => ({
          participant: video.dataset['participant'] ?? '',
          source: video.dataset['source'] ?? '',
          colour,
          seen,
        }),
      };
    });
    await new Promise((resolve) => setTimeout(resolve, duration));
    for (const each of watched) {
      each.end();
    }
    return watched.map((each) => each.result());
  }, durationMs);
}

/** How well a moving picture arrived. */
export interface Fluency {
  /** Distinct source frames seen, of those that the source made between first and last. */
  readonly share: number;
  /** Longest time between two different frames, milliseconds. */
  readonly longestGapMs: number;
  /** Source frames between the first and the last one seen. */
  readonly made: number;
}

/** Unwraps the counters and compares what was seen with what the source made. */
export function fluency(seen: readonly Seen[]): Fluency {
  let made = 0;
  let distinct = 0;
  let longestGapMs = 0;
  let last: { at: number; counter: number } | undefined;
  for (const { at, counter } of seen) {
    if (counter === null || counter >= COUNTER_PERIOD) {
      continue;
    }
    if (last === undefined) {
      last = { at, counter };
      distinct = 1;
      made = 1;
      continue;
    }
    if (counter === last.counter) {
      continue;
    }
    made += (counter - last.counter + COUNTER_PERIOD) % COUNTER_PERIOD;
    distinct += 1;
    longestGapMs = Math.max(longestGapMs, at - last.at);
    last = { at, counter };
  }
  return { share: made === 0 ? 0 : distinct / made, longestGapMs, made };
}

/** Which of the primary colours dominates. */
export function colourName([red, green, blue]: readonly [number, number, number]): string {
  const most = Math.max(red, green, blue);
  const rest = red + green + blue - most;
  if (most < rest * 0.9) {
    return 'none';
  }
  return most === red ? 'red' : most === green ? 'green' : 'blue';
}

/**
 * Level of each tone in everything the page plays, in decibels above the median of the spectrum,
 * the loudest moment within the time.
 */
export async function listen(
  page: Page,
  tonesHz: readonly number[],
  durationMs: number,
): Promise<number[]> {
  return page.evaluate(
    async ([tones, duration]) => {
      const context = new AudioContext({ sampleRate: 48_000 });
      await context.resume();
      const analyser = context.createAnalyser();
      analyser.fftSize = 8192;
      analyser.smoothingTimeConstant = 0;
      const sources: MediaStreamAudioSourceNode[] = [];
      for (const element of document.querySelectorAll<HTMLMediaElement>('audio, video')) {
        const stream = element.srcObject;
        if (
          element.dataset['self'] !== 'true' &&
          stream instanceof MediaStream &&
          stream.getAudioTracks().length > 0
        ) {
          const source = context.createMediaStreamSource(new MediaStream(stream.getAudioTracks()));
          source.connect(analyser);
          sources.push(source);
        }
      }
      const spectrum = new Float32Array(analyser.frequencyBinCount);
      const best = tones.map(() => Number.NEGATIVE_INFINITY);
      const end = performance.now() + duration;
      while (performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        analyser.getFloatFrequencyData(spectrum);
        const audible = spectrum.slice(20, 1200).toSorted((a, b) => a - b);
        const median = Math.max(audible[Math.floor(audible.length / 2)] ?? -200, -120);
        tones.forEach((tone, index) => {
          const bin = Math.round((tone * analyser.fftSize) / context.sampleRate);
          const level = Math.max(...spectrum.slice(bin - 1, bin + 2));
          best[index] = Math.max(best[index] ?? -200, level - median);
        });
      }
      for (const source of sources) {
        source.disconnect();
      }
      await context.close();
      return best.map((level) => (Number.isFinite(level) ? level : -200));
    },
    [tonesHz, durationMs] as const,
  );
}
