// How loud a track is, for a meter: 0 is silence, 1 is as loud as speech gets.

import type { Scope } from "./lib/scope";
import { Cell, type Value } from "./lib/value";

/** Often enough to look alive. */
const READ_EVERY_MS = 60;
/** Quieter than this is silence on the meter. */
const FLOOR_DBFS = -60;
/** As loud as close speech: the meter's end. */
const CEILING_DBFS = -12;

/** Where on the meter a block of samples is. */
export function levelOf(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += (samples[i] as number) ** 2;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  const dbfs = 20 * Math.log10(Math.max(rms, 1e-6));
  return Math.min(1, Math.max(0, (dbfs - FLOOR_DBFS) / (CEILING_DBFS - FLOOR_DBFS)));
}

export class LevelMeter {
  private readonly levelCell = new Cell(0);

  constructor(scope: Scope, track: MediaStreamTrack) {
    const context = silentContext();
    const source = context.createMediaStreamSource(new MediaStream([track]));
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      // Falls slowly, so that the eye can follow.
      const level = Math.max(levelOf(samples), this.levelCell.get() - 0.06);
      this.levelCell.set(Math.round(level * 50) / 50);
    }, READ_EVERY_MS);
    // A page without a gesture yet may not play sound; a meter then starts with the first click.
    const resume = () => void context.resume().catch(() => undefined);
    resume();
    scope.listen(document, "pointerdown", resume);
    scope.listen(document, "keydown", resume);
    scope.onEnd(() => {
      clearInterval(timer);
      source.disconnect();
      void context.close().catch(() => undefined);
    });
  }

  get level(): Value<number> {
    return this.levelCell;
  }
}

/** A context that plays nowhere, where the browser has such: a meter needs no loudspeaker. */
function silentContext(): AudioContext {
  const options: AudioContextOptions & { sinkId?: { type: "none" } } = { sinkId: { type: "none" } };
  return new AudioContext(options);
}
