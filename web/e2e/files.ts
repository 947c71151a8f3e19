// What is in the files of a recording, by ffprobe and ffmpeg: the same tools a person would use.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { OWNER, type Server } from './server.ts';
import { colourName } from './senses.ts';

export interface FileAnswer {
  kind: 'composed' | 'track' | 'manifest' | 'tape';
  url: string;
  bytes: number;
  sha256: string;
  content_type: string;
  track?: string;
  name?: string;
}

export interface RecordingAnswer {
  id: string;
  status: string;
  started_at: string | null;
  problem: string | null;
  files: FileAnswer[];
  health: {
    duration_ms: number;
    packets_recorded: number;
    packets_lost_on_network: number;
    entries_missing: number;
    largest_av_skew_ms: number | null;
    gaps: { track: string; from_ms: number; to_ms: number }[];
  };
}

export interface SessionAnswer {
  id: string;
  recordings: RecordingAnswer[];
}

/** Signs in over the API and returns an access token. */
export async function accessToken(server: Server): Promise<string> {
  const answer = await fetch(`${server.url}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: OWNER.email, password: OWNER.password }),
  });
  if (!answer.ok) {
    throw new Error(`sign-in failed: ${answer.status} ${await answer.text()}`);
  }
  return ((await answer.json()) as { access_token: string }).access_token;
}

/** The files of a session's only recording. */
export class Files {
  readonly recording: RecordingAnswer;
  #directory: string;

  private constructor(recording: RecordingAnswer, directory: string) {
    this.recording = recording;
    this.#directory = directory;
  }

  static async of(server: Server, sessionId: string): Promise<Files> {
    const answer = await fetch(`${server.url}/api/sessions/${sessionId}`, {
      headers: { authorization: `Bearer ${await accessToken(server)}` },
    });
    const session = (await answer.json()) as SessionAnswer;
    const recording = session.recordings[0];
    if (recording === undefined) {
      throw new Error(`no recording in ${JSON.stringify(session)}`);
    }
    return Files.#downloaded(server, recording);
  }

  /** The files of one recording. */
  static async ofRecording(server: Server, id: string, token: string): Promise<Files> {
    const answer = await fetch(`${server.url}/api/recordings/${id}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return Files.#downloaded(server, (await answer.json()) as RecordingAnswer);
  }

  static async #downloaded(server: Server, recording: RecordingAnswer): Promise<Files> {
    const files = new Files(recording, mkdtempSync(join(server.directory, 'files-')));
    await files.#downloadAll(server);
    return files;
  }

  async #downloadAll(server: Server): Promise<void> {
    for (const file of this.recording.files) {
      const answer = await fetch(new URL(file.url, server.url));
      const content = Buffer.from(await answer.arrayBuffer());
      const hash = createHash('sha256').update(content).digest('hex');
      if (content.length !== file.bytes || hash !== file.sha256) {
        throw new Error(`${file.kind} is not what the recording says it is`);
      }
      writeFileSync(this.fetch(file), content);
    }
  }

  /** The downloaded copy of a file. */
  fetch(file: FileAnswer): string {
    const ending = file.content_type.includes('mp4') ? 'mp4' : 'webm';
    return join(this.#directory, `${file.sha256}.${ending}`);
  }

  /** The downloaded copy of the only file of a kind. */
  download(kind: FileAnswer['kind']): string {
    const file = this.recording.files.find((each) => each.kind === kind);
    if (file === undefined) {
      throw new Error(`no ${kind} among ${this.recording.files.map((each) => each.kind)}`);
    }
    return this.fetch(file);
  }
}

/** The files of the session whose page this is. */
export async function filesOf(server: Server, sessionUrl: string): Promise<Files> {
  const id = new URL(sessionUrl).pathname.split('/').pop() ?? '';
  return Files.of(server, id);
}

const MAX_OUTPUT_BYTES = 1 << 30;

function run(program: string, ...args: string[]): Buffer {
  return execFileSync(program, args, {
    maxBuffer: MAX_OUTPUT_BYTES,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Codecs and length of a file. */
export function probe(path: string): { codecs: string[]; durationMs: number } {
  const answer = JSON.parse(
    run('ffprobe', '-v', 'error', '-show_streams', '-show_format', '-of', 'json', path).toString(),
  ) as { streams: { codec_name: string }[]; format: { duration: string } };
  return {
    codecs: answer.streams.map((stream) => stream.codec_name),
    durationMs: Math.round(Number(answer.format.duration) * 1000),
  };
}

const LOOK_WIDTH = 64;
const LOOK_HEIGHT = 36;

/** Names of the primary colours that fill at least a twentieth of the middle of the file. */
export function coloursInVideo(path: string): string[] {
  const { durationMs } = probe(path);
  const picture = run(
    'ffmpeg',
    '-v', 'error',
    '-ss', String(durationMs / 2000),
    '-i', path,
    '-frames:v', '1',
    '-vf', `scale=${LOOK_WIDTH}:${LOOK_HEIGHT}`,
    '-f', 'rawvideo',
    '-pix_fmt', 'rgb24',
    '-',
  );
  const counts = new Map<string, number>();
  for (let at = 0; at + 2 < picture.length; at += 3) {
    const [red, green, blue] = [picture[at] ?? 0, picture[at + 1] ?? 0, picture[at + 2] ?? 0];
    if (Math.max(red, green, blue) > 100) {
      const name = colourName([red, green, blue]);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  counts.delete('none');
  const enough = (LOOK_WIDTH * LOOK_HEIGHT) / 20;
  return [...counts].filter(([, count]) => count >= enough).map(([name]) => name).sort();
}

const SAMPLE_RATE_HZ = 48_000;

/** Mono samples of a file's sound at 48 kHz. */
export function samples(path: string): Float32Array {
  const raw = run('ffmpeg', '-v', 'error', '-i', path, '-vn', '-ac', '1', '-ar', '48000', '-f', 'f32le', '-');
  return new Float32Array(raw.buffer, raw.byteOffset, Math.floor(raw.length / 4));
}

/** Power of one frequency in a window (Goertzel), relative to the window's length. */
export function power(window: Float32Array, frequencyHz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * frequencyHz) / SAMPLE_RATE_HZ);
  let before = 0;
  let last = 0;
  for (const value of window) {
    const next = value + coefficient * last - before;
    before = last;
    last = next;
  }
  return (last * last + before * before - coefficient * last * before) / (window.length * window.length);
}

/** Level of each tone over the median of its neighbourhood, in decibels, at its loudest. */
export function audioTones(path: string, tonesHz: readonly number[]): number[] {
  const all = samples(path);
  const windowLength = SAMPLE_RATE_HZ / 5;
  return tonesHz.map((tone) => {
    let best = Number.NEGATIVE_INFINITY;
    for (let from = 0; from + windowLength <= all.length; from += windowLength * 2) {
      const window = all.subarray(from, from + windowLength);
      const around = [0.6, 0.7, 0.8, 1.15, 1.27, 1.38].map((ratio) => power(window, tone * ratio));
      around.sort((a, b) => a - b);
      const rest = Math.max(around[3] ?? 0, 1e-12);
      best = Math.max(best, 10 * Math.log10(Math.max(power(window, tone), 1e-14) / rest));
    }
    return best;
  });
}
