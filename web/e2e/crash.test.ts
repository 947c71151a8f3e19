// The server is killed again and again while two rooms meet and record. deploy/try-to-break-it.sh
// runs this with as many kills as somebody likes; `make test` with one.
//
// One kill: both rooms begin a recording, at a random moment the process gets SIGKILL and is
// started again at once. Everyone comes back by themselves, the recordings go on, the host stops
// them. At every tenth kill the people of the second room close their pages instead: that
// recording must end by itself.

import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { chance, distribution, inMs, table } from './crash-figures.ts';
import { Crowd, enter, type Meeting, type Surroundings } from './crash-people.ts';
import { type Found, inspect, type Interrupted } from './crash-recordings.ts';
import { endAll } from './ending.ts';
import { accessToken, type RecordingAnswer } from './files.ts';
import { CRASH_LIMITS } from './limits.ts';
import { Server } from './server.ts';

const KILLS = Number(process.env['COLLOQUY_KILLS'] ?? 1);
const SEED = Number(process.env['COLLOQUY_SEED'] ?? Date.now() % 1_000_000);

/** A kill comes this long after both recordings run, at the latest. */
const LATEST_KILL_MS = 5_000;
/** What is recorded after the return, before the host stops. */
const GOES_ON_MS = 1_500;
/** At every kill of this number the second room's people do not come back. */
const NOBODY_BACK_EVERY = 10;
/** Longest time for what is waited for here and has no promise of its own. */
const PATIENCE_MS = 60_000;
/** Longest a kill with all that belongs to it may take. */
const CYCLE_MS = 90_000;

let server: Server;
let crowd: Crowd;
let key = '';

const back: number[] = [];
const changed: string[] = [];
const runs: Interrupted[] = [];
const found: Found[] = [];
const unsound: string[] = [];

beforeAll(async () => {
  // A small film: what is tried here is that it is made, not how well it looks.
  const settings = { COLLOQUY__RECORDER__WIDTH: '480', COLLOQUY__RECORDER__HEIGHT: '270', COLLOQUY__RECORDER__FPS: '15' };
  server = await Server.start({ owner: true, settings });
  const owner = await accessToken(server);
  key = ((await call('POST', '/api/keys', { name: 'Interview desk' }, owner)) as { secret: string }).secret;
  crowd = await Crowd.arrive(server);
  await crowd.meet(await newRoom('First room'), ['Bert', 'Cleo']);
  await crowd.meet(await newRoom('Second room'), ['Dora']);
}, 120_000);

afterAll(async () => {
  await endAll(() => crowd?.goAway(), () => server?.dispose());
});

async function call(method: string, path: string, body?: unknown, token = key): Promise<unknown> {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) {
    throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  }
  return answer.json().catch(() => undefined);
}

async function newRoom(title: string) {
  return (await call('POST', '/api/rooms', { title })) as { id: string; title: string; invite_url: string };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function stands(id: string, ...wanted: string[]): Promise<RecordingAnswer> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const now = (await call('GET', `/api/recordings/${id}`)) as RecordingAnswer;
    if (wanted.includes(now.status)) {
      return now;
    }
    if (Date.now() > deadline || now.status === 'failed' || now.status === 'ready') {
      throw new Error(`recording ${id} is not ${wanted.join(' or ')} but ${now.status}: ${now.problem}`);
    }
    await pause(50);
  }
}

async function record(meeting: Meeting): Promise<string> {
  const { id } = (await call('POST', `/api/rooms/${meeting.id}/recordings`, {})) as { id: string };
  await stands(id, 'recording');
  await Promise.all(meeting.people.map((person) => person.isToldOfRecording()));
  return id;
}

function compare(kill: number, name: string, before: Surroundings, after: Surroundings): void {
  for (const what of Object.keys(before) as (keyof Surroundings)[]) {
    const [was, is] = [String(before[what]), String(after[what])];
    if (was !== is) {
      changed.push(`kill ${kill}, ${name}: ${what} was [${was}] and is [${is}]`);
    }
  }
}

/** Asks the product itself whether the database that a kill left behind is whole. */
async function examine(when: string, copy: string): Promise<void> {
  const said = await server.examine(copy).catch((error: unknown) => String(error));
  if (!/^ok +database$/m.test(said)) {
    unsound.push(`${when}: ${said}`);
  }
  rmSync(copy, { recursive: true });
}

function copyOfDatabase(): string {
  const copy = join(server.directory, 'as-killed');
  mkdirSync(copy);
  const [database, ...beside] = ['', '-wal', '-shm'].map((ending) => `colloquy.db${ending}`) as [string, string, string];
  // Beside the database there is nothing after a polite stop.
  for (const name of [database, ...beside.filter((each) => existsSync(join(server.directory, 'data', each)))]) {
    cpSync(join(server.directory, 'data', name), join(copy, name));
  }
  return copy;
}

async function killOnce(kill: number, random: () => number): Promise<void> {
  const [first, second] = crowd.meetings as [Meeting, Meeting];
  const beganAt = Date.now();
  const stayAway = kill % NOBODY_BACK_EVERY === 0 ? second : undefined;
  const recordings = await Promise.all(crowd.meetings.map(record));
  const returning = crowd.meetings.filter((meeting) => meeting !== stayAway);
  const watched = returning.flatMap(({ people }) => people.map((person) => ({ person, others: people.length - 1 })));
  const before = await Promise.all(watched.map(({ person }) => person.surroundings()));
  const waitMs = Math.round(random() * LATEST_KILL_MS);
  await pause(waitMs);
  const returns = Promise.all(watched.map(({ person, others }) => person.isBack(others, CRASH_LIMITS.backPatienceMs)));
  // A rejection is told below; meanwhile nobody waits for it.
  returns.catch(() => undefined);
  const killedAt = await server.kill();
  await Promise.all(stayAway?.people.map((person) => person.goAway()) ?? []);
  const copy = copyOfDatabase();
  const listensAt = await server.rise();
  const backAfterMs = (await returns).map((at) => Math.max(0, at - listensAt));
  back.push(...backAfterMs);
  const after = await Promise.all(watched.map(({ person }) => person.surroundings()));
  watched.forEach(({ person }, at) => compare(kill, person.name, before[at] as Surroundings, after[at] as Surroundings));
  await examine(`kill ${kill}`, copy);
  await pause(GOES_ON_MS);
  for (const [at, meeting] of crowd.meetings.entries()) {
    const id = recordings[at] as string;
    const [cameras, microphones] = [meeting.people.length, meeting.people.filter(({ isMuted }) => !isMuted).length];
    runs.push({ id, room: meeting.title, cameras, microphones, killedAt, listensAt, wentOn: meeting !== stayAway });
    if (meeting !== stayAway) {
      await call('POST', `/api/recordings/${id}/stop`);
    }
  }
  if (stayAway !== undefined) {
    await stands(recordings[1] as string, 'finishing', 'ready');
    await enter(second);
  } else {
    await Promise.all(recordings.map((id) => stands(id, 'finishing', 'ready')));
  }
  console.log(
    `kill ${kill} of ${KILLS}: ${waitMs} ms after both rooms recorded; listens again ${listensAt - killedAt} ms later; ` +
      `people back ${backAfterMs.join(', ')} ms after that${stayAway === undefined ? '' : `, nobody in "${stayAway.title}"`}; ` +
      `${((Date.now() - beganAt) / 1_000).toFixed(0)} s in all`,
  );
  expect(first.people.flatMap(({ complaints }) => complaints)).toEqual([]);
}

/** Reads the recordings that are ready by now. Those of the last kill may be in the making at the next. */
async function inspectReady(butLast: number): Promise<void> {
  for (const run of runs.slice(found.length, runs.length - butLast)) {
    const problem = await stands(run.id, 'ready').then(
      () => undefined,
      (error: unknown) => String(error),
    );
    const read = await inspect(server, key, run);
    found.push(problem === undefined ? read : { ...read, playable: false, problem });
    if (read.problem !== '' || problem !== undefined) {
      console.log(`recording ${run.id} of "${run.room}": ${problem ?? read.problem}`);
    }
  }
}

const complaintsOfServer = () => server.log.split('\n').filter((line) => / ERROR |panicked/.test(line));

function verdicts(): [string, string][] {
  const pictures = distribution(found.flatMap(({ picturesMissingMs }) => picturesMissingMs));
  const sound = distribution(found.flatMap(({ soundMissingMs }) => soundMissingMs));
  const count = (holds: (each: Found) => boolean) => `${found.filter(holds).length} of ${found.length}`;
  return [
    ['kills', `${KILLS} (seed ${SEED})`],
    ['recordings that ran at a kill', `${runs.length}, two for each`],
    ['  of them ready and playable', count(({ playable }) => playable)],
    ['  gone on, or ended by themselves', count(({ goesOnAsItShould }) => goesOnAsItShould)],
    ['  gap named for each camera', count(({ gapsNamed }) => gapsNamed)],
    ['missing before a kill, each camera', inMs(pictures)],
    ['missing before a kill, each microphone', inMs(sound)],
    ['database whole', `after ${KILLS - unsound.length} of ${KILLS} kills`],
    ['errors in the server\'s log', String(complaintsOfServer().length)],
    ['people back after the server listens', inMs(distribution(back))],
    ['  with name, role, mute, slots as before', `${back.length - new Set(changed.map((line) => line.split(':')[0])).size} of ${back.length}`],
  ];
}

test(
  `${KILLS === 1 ? 'one kill' : `${KILLS} kills`} while two rooms record`,
  async () => {
    console.log(`seed ${SEED}: COLLOQUY_SEED=${SEED} chooses the same moments again`);
    const random = chance(SEED);
    try {
      for (let kill = 1; kill <= KILLS; kill += 1) {
        await killOnce(kill, random);
        await inspectReady(crowd.meetings.length);
      }
      await inspectReady(0);
    } finally {
      console.log(`\n${table(verdicts())}\n\n${[...changed, ...unsound, ...complaintsOfServer()].join('\n')}`);
    }
  },
  KILLS * CYCLE_MS,
);

test('every recording is ready, plays, goes on as it should and names its gaps', () => {
  expect(found).toHaveLength(KILLS * 2);
  expect(found.filter(({ playable, goesOnAsItShould, gapsNamed }) => !playable || !goesOnAsItShould || !gapsNamed)).toEqual([]);
});

test('little of what came before a kill is missing', () => {
  const worst = Math.max(...found.flatMap(({ picturesMissingMs, soundMissingMs }) => [...picturesMissingMs, ...soundMissingMs]));
  expect(worst).toBeLessThanOrEqual(CRASH_LIMITS.missingMs);
});

test('the database is whole and the server complains of nothing', async () => {
  await server.stop();
  await examine('the end', copyOfDatabase());
  expect(unsound).toEqual([]);
  expect(complaintsOfServer()).toEqual([]);
});

test('everyone is back in time, without a click, as who they were', () => {
  expect(distribution(back).p95).toBeLessThanOrEqual(CRASH_LIMITS.backMs);
  expect(changed).toEqual([]);
});
