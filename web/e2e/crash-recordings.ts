// What a recording holds that was running when the server was killed.

import { rmSync } from 'node:fs';
import { dirname } from 'node:path';

import { CLOCK_CAMERA, decodeWhole, drawnAt, soundAt } from './crash-clock.ts';
import { type FileAnswer, Files, type RecordingAnswer } from './files.ts';
import type { Server } from './server.ts';

/** How many tracks were live while a recording ran. */
export interface Live {
  readonly cameras: number;
  readonly microphones: number;
}

/** One recording, and what happened while it ran. */
export interface Interrupted extends Live {
  readonly id: string;
  readonly room: string;
  readonly killedAt: number;
  /** When the next server listened. */
  readonly listensAt: number;
  /** Its people came back, and it was stopped by the host; else it ended by itself. */
  readonly wentOn: boolean;
}

/** What was found in it. */
export interface Found {
  readonly id: string;
  /** Ready, and every file decodes from its first to its last frame. */
  readonly playable: boolean;
  /**
   * For each camera, what of the time before the kill is missing: the moment of the kill less the
   * time that the last picture before it shows, which is when that picture was drawn in the
   * sender's page. So it holds the sender's encoder and the way to the server, and what was not
   * on disk. One picture of the camera's pace (67 ms) is never missing. A camera without a file
   * lacks all since the recording began.
   */
  readonly picturesMissingMs: readonly number[];
  /**
   * For each microphone, the moment of the kill less the end of the last packet of sound before
   * it, by the file's own times.
   */
  readonly soundMissingMs: readonly number[];
  /** Every track that was live has a named gap over the time without a server. */
  readonly gapsNamed: boolean;
  /** There are pictures and sound of after the return, and none if nobody returned. */
  readonly goesOnAsItShould: boolean;
  readonly problem: string;
}

/** Length of an Opus packet. */
const PACKET_MS = 20;

/** Downloads a ready recording, reads all of it, and removes it again. */
export async function inspect(server: Server, token: string, run: Interrupted): Promise<Found> {
  const found = { id: run.id, playable: false, picturesMissingMs: [], soundMissingMs: [], gapsNamed: false, goesOnAsItShould: false };
  try {
    const files = await Files.ofRecording(server, run.id, token);
    const composed = files.download('composed');
    const [read] = await Promise.all([readTracks(files, run), decodeWhole(composed)]);
    rmSync(dirname(composed), { recursive: true });
    return { id: run.id, playable: true, ...read };
  } catch (error) {
    return { ...found, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** One track of a recording as it was read. */
export interface ReadTrack {
  readonly isCamera: boolean;
  /** Of the time before the kill. */
  readonly missingMs: number;
  /** Something in it is of after the return. */
  readonly goesOn: boolean;
}

async function readTracks(files: Files, run: Interrupted) {
  const startedAt = Date.parse(files.recording.started_at ?? '');
  const tracks = files.recording.files.filter(({ kind }) => kind === 'track');
  const read = await Promise.all(
    tracks.map(async (file): Promise<ReadTrack> => {
      const isCamera = isOf('camera', file);
      const times = await (isCamera ? drawnAt(files.fetch(file), run.killedAt) : heardAt(files.fetch(file), startedAt));
      const before = times.filter((at) => at <= run.killedAt);
      // A track without any moment of before lacks all since the recording began.
      const missingMs = run.killedAt - Math.max(startedAt, ...before);
      return { isCamera, missingMs, goesOn: times.some((at) => at > run.listensAt) };
    }),
  );
  return judge(files.recording, read, run);
}

/** What is to be said of the tracks of a recording. One that was live and has no file lacks all. */
export function judge(recording: RecordingAnswer, read: readonly ReadTrack[], run: Interrupted) {
  const startedAt = Date.parse(recording.started_at ?? '');
  const missing = (cameras: boolean, live: number) => {
    const found = read.filter(({ isCamera }) => isCamera === cameras).map(({ missingMs }) => missingMs);
    const without = Math.max(0, live - found.length);
    return { without, missingMs: [...found, ...Array<number>(without).fill(run.killedAt - startedAt)] };
  };
  const [pictures, sound] = [missing(true, run.cameras), missing(false, run.microphones)];
  const complete = pictures.without + sound.without === 0;
  return {
    picturesMissingMs: pictures.missingMs,
    soundMissingMs: sound.missingMs,
    goesOnAsItShould: read.every(({ goesOn }) => goesOn === run.wentOn) && (complete || !run.wentOn),
    gapsNamed: !run.wentOn || gapsNamed(recording, run, startedAt),
    problem: complete ? '' : `no track of ${pictures.without} of ${run.cameras} cameras and ${sound.without} of ${run.microphones} microphones`,
  };
}

const isOf = (source: string, { track }: FileAnswer) => track?.endsWith(`:${source}`) ?? false;

/** When each packet of a sound file that decodes as a whole ends, milliseconds since the epoch. */
async function heardAt(path: string, startedAt: number): Promise<number[]> {
  await decodeWhole(path);
  return (await soundAt(path)).map((at) => startedAt + at + PACKET_MS);
}

/** Whether each camera (none is off here) has a gap from about the kill to the return at least. */
function gapsNamed(recording: RecordingAnswer, run: Interrupted, startedAt: number): boolean {
  const [from, to] = [run.killedAt - startedAt, run.listensAt - startedAt];
  const cameras = recording.files.filter((file) => file.kind === 'track' && isOf('camera', file));
  return (
    cameras.length >= run.cameras &&
    cameras.every(({ track }) =>
      recording.health.gaps.some((gap) => gap.track === track && gap.from_ms <= from + 1_000 / CLOCK_CAMERA.framesPerSecond && gap.to_ms >= to),
    )
  );
}
