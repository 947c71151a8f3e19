// @vitest-environment node
import { expect, test } from 'vitest';

import { type Interrupted, judge, type ReadTrack } from '../crash-recordings.ts';
import type { FileAnswer, RecordingAnswer } from '../files.ts';

const STARTED_AT = Date.parse('2026-03-01T10:00:00Z');

/** Three people with cameras, the last of them muted, and a kill after four seconds. */
const WENT_ON: Interrupted = {
  id: 'recording',
  room: 'First room',
  cameras: 3,
  microphones: 2,
  killedAt: STARTED_AT + 4_000,
  listensAt: STARTED_AT + 5_000,
  wentOn: true,
};
const ENDED: Interrupted = { ...WENT_ON, wentOn: false };

const ALL = ['a:camera', 'a:microphone', 'b:camera', 'b:microphone', 'c:camera'];

/** What is said of a recording with these tracks, each of them as good as can be. */
function judged(run: Interrupted, names: readonly string[]) {
  const files = names.map((track): FileAnswer => ({ kind: 'track', track, url: '', bytes: 0, sha256: '', content_type: '' }));
  const gaps = names.map((track) => ({ track, from_ms: 3_950, to_ms: 6_000 }));
  const health = { duration_ms: 0, packets_recorded: 0, packets_lost_on_network: 0, entries_missing: 0, largest_av_skew_ms: null, gaps };
  const recording: RecordingAnswer = {
    id: run.id,
    status: 'ready',
    started_at: new Date(STARTED_AT).toISOString(),
    problem: null,
    files,
    health,
  };
  const read = names.map((track): ReadTrack => ({ isCamera: track.endsWith(':camera'), missingMs: 50, goesOn: run.wentOn }));
  return judge(recording, read, run);
}

test('a recording with a track of everything that was live is as it should be', () => {
  for (const run of [WENT_ON, ENDED]) {
    expect(judged(run, ALL)).toEqual({
      picturesMissingMs: [50, 50, 50],
      soundMissingMs: [50, 50],
      goesOnAsItShould: true,
      gapsNamed: true,
      problem: '',
    });
  }
});

test('whoever was muted may have a track too', () => {
  expect(judged(WENT_ON, [...ALL, 'c:microphone'])).toMatchObject({ soundMissingMs: [50, 50, 50], goesOnAsItShould: true, problem: '' });
});

test('a camera whose whole tape is lost lacks all since the recording began', () => {
  const withoutOne = judged(WENT_ON, ALL.filter((track) => track !== 'b:camera'));
  expect(withoutOne).toMatchObject({ picturesMissingMs: [50, 50, 4_000], goesOnAsItShould: false, gapsNamed: false });
  expect(withoutOne.problem).toBe('no track of 1 of 3 cameras and 0 of 2 microphones');
});

test('a microphone whose whole tape is lost lacks all since the recording began', () => {
  const withoutOne = judged(WENT_ON, ALL.filter((track) => track !== 'b:microphone'));
  expect(withoutOne).toMatchObject({ soundMissingMs: [50, 4_000], goesOnAsItShould: false, gapsNamed: true });
});

test('a recording without any track that ended by itself lacks all since it began', () => {
  expect(judged(ENDED, [])).toMatchObject({ picturesMissingMs: [4_000, 4_000, 4_000], soundMissingMs: [4_000, 4_000] });
});
