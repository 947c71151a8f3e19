// Three people meet, talk, share, record and leave; then the files are measured.
//
// One meeting carries every claim, in the order in which people would do it: starting three
// browsers is dearer than everything they do.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Person } from './browser.ts';
import { COLOURS } from './camera.ts';
import { endAll } from './ending.ts';
import { audioTones, coloursInVideo, filesOf, probe } from './files.ts';
import { LIMITS } from './limits.ts';
import { OWNER, Server } from './server.ts';
import { colourName, fluency, listen, watch } from './senses.ts';

const TONES_HZ = { anna: 523, bert: 784, cleo: 1175 } as const;
const ALL_TONES = Object.values(TONES_HZ);

/** A tone counts as heard this far above the median of the spectrum; bursts of another leak up to 35. */
const HEARD_DB = 60;
/** A muted tone stands lower than this. */
const SILENT_DB = 50;

/** In a file a tone is measured over its neighbourhood, where its own side lobes are 40 dB down. */
const HEARD_IN_FILE_DB = 30;

/** What was sent before a mute is still in the listener's jitter buffer and is played. */
const BUFFERED_MS = 700;

let server: Server;
let anna: Person;
let bert: Person;
let cleo: Person;
let lastJoinAt = 0;
let sessionUrl = '';
let recordedMs = 0;

const everyone = () => [anna, bert, cleo];

beforeAll(async () => {
  server = await Server.start({ owner: false });
  [anna, bert, cleo] = await Promise.all([
    Person.arrive('Anna', { colour: COLOURS.red, toneHz: TONES_HZ.anna }),
    Person.arrive('Bert', { colour: COLOURS.green, toneHz: TONES_HZ.bert }),
    Person.arrive('Cleo', { colour: COLOURS.blue, toneHz: TONES_HZ.cleo }),
  ]);
});

afterAll(async () => {
  await endAll(
    () => anna?.goAway(),
    () => bert?.goAway(),
    () => cleo?.goAway(),
    () => server?.dispose(),
  );
});

async function rosterShows(person: Person, count: number, withinMs = LIMITS.rosterMs) {
  await person.page.waitForFunction(
    (wanted) => document.querySelectorAll('[data-testid="roster-item"]').length === wanted,
    count,
    { timeout: withinMs },
  );
}

describe('three browsers meet', () => {
  test('the owner makes her account and starts a meeting, two guests come in by the invite link', async () => {
    await anna.setUp(server);
    const link = await anna.startMeeting();
    await anna.at('toolbar-people').click();
    await bert.joinBy(link);
    await rosterShows(anna, 2);
    await cleo.joinBy(link);
    lastJoinAt = Date.now();
    await rosterShows(anna, 3);
    for (const guest of [bert, cleo]) {
      await guest.at('toolbar-people').click();
      await rosterShows(guest, 3);
    }
  });

  test('each sees both others soon after the last join', async () => {
    for (const person of everyone()) {
      await person.page.waitForFunction(
        () =>
          [...document.querySelectorAll<HTMLVideoElement>('video[data-participant]')].filter(
            (video) => video.dataset['self'] !== 'true' && video.videoWidth > 0,
          ).length === 2,
        undefined,
        { timeout: LIMITS.actionMs },
      );
    }
    const tookMs = Date.now() - lastJoinAt;
    console.log(`figure: all pictures ${tookMs} ms after the last join`);
    expect(tookMs).toBeLessThanOrEqual(LIMITS.picturesMs);
  });

  test('for 10 s the frames of both others arrive without a long gap', async () => {
    const sights = await Promise.all(everyone().map((person) => watch(person.page, 10_000)));
    const expected = [
      ['blue', 'green'],
      ['blue', 'red'],
      ['green', 'red'],
    ];
    sights.forEach((sight, index) => {
      expect(sight.map((each) => colourName(each.colour)).sort()).toEqual(expected[index]);
      for (const each of sight) {
        const flow = fluency(each.seen);
        console.log(
          `figure: ${everyone()[index]?.name} sees ${colourName(each.colour)}: ` +
            `${(flow.share * 100).toFixed(1)} % of ${flow.made} frames, ` +
            `longest gap ${flow.longestGapMs.toFixed(0)} ms`,
        );
        expect(flow.made).toBeGreaterThan(75);
        expect(flow.share).toBeGreaterThanOrEqual(LIMITS.frameShare);
        expect(flow.longestGapMs).toBeLessThanOrEqual(LIMITS.frameGapMs);
      }
    });
  });

  test('each hears the tones of both others and not its own', async () => {
    const levels = await Promise.all(
      everyone().map((person) => listen(person.page, ALL_TONES, 3_000)),
    );
    levels.forEach((heard, listener) => {
      console.log(`figure: ${everyone()[listener]?.name} hears ${heard.map(Math.round)} dB`);
      heard.forEach((level, tone) => {
        if (tone === listener) {
          expect(level).toBeLessThan(SILENT_DB);
        } else {
          expect(level).toBeGreaterThan(HEARD_DB);
        }
      });
    });
  });
});

describe('everyone can act', () => {
  test('whoever comes and goes is on the list of everybody, and off it', async () => {
    await anna.at('copy-invite').click();
    const link = await anna.page.evaluate(() => navigator.clipboard.readText());
    const dora = await Person.arrive('Dora');
    await dora.joinBy(link);
    await Promise.all(everyone().map((person) => rosterShows(person, 4)));
    await dora.at('toolbar-leave').click();
    await Promise.all(everyone().map((person) => rosterShows(person, 3)));
    await dora.goAway();
  });

  test('a muted microphone is silence for the others and shown to them', async () => {
    await bert.at('toolbar-mute').click();
    await anna.page
      .locator('[data-testid="tile"][data-muted="true"]')
      .first()
      .waitFor({ timeout: LIMITS.rosterMs });
    await anna.page.waitForTimeout(BUFFERED_MS);
    const [toAnna, toCleo] = await Promise.all([
      listen(anna.page, ALL_TONES, 2_000),
      listen(cleo.page, ALL_TONES, 2_000),
    ]);
    expect(toAnna[1]).toBeLessThan(SILENT_DB);
    expect(toCleo[1]).toBeLessThan(SILENT_DB);
    expect(toAnna[2]).toBeGreaterThan(HEARD_DB);
    await bert.at('toolbar-mute').click();
    const again = await listen(anna.page, ALL_TONES, 3_000);
    expect(again[1]).toBeGreaterThan(HEARD_DB);
  });

  test('a camera goes off and comes back', async () => {
    await cleo.at('toolbar-camera').click();
    await anna.page.waitForFunction(
      () =>
        [...document.querySelectorAll<HTMLVideoElement>('video[data-participant]')].filter(
          (video) => video.dataset['self'] !== 'true' && video.checkVisibility(),
        ).length === 1,
      undefined,
      { timeout: LIMITS.actionMs },
    );
    await cleo.at('toolbar-camera').click();
    await anna.page.waitForFunction(
      () =>
        [...document.querySelectorAll<HTMLVideoElement>('video[data-participant]')].filter(
          (video) => video.dataset['self'] !== 'true' && video.checkVisibility(),
        ).length === 2,
      undefined,
      { timeout: LIMITS.actionMs },
    );
    const sight = await watch(anna.page, 4_000);
    const blue = sight.find((each) => colourName(each.colour) === 'blue');
    expect(fluency(blue?.seen ?? []).made).toBeGreaterThan(20);
  });

  test('a shared screen reaches the others', async () => {
    await bert.at('toolbar-share').click();
    for (const person of [anna, cleo]) {
      const screen = person.page.locator('video[data-source="screen"]');
      await screen.waitFor({ timeout: LIMITS.actionMs });
      await person.page.waitForFunction(
        () => {
          const video = document.querySelector<HTMLVideoElement>('video[data-source="screen"]');
          return (video?.videoWidth ?? 0) > 0 && (video?.currentTime ?? 0) > 0;
        },
        undefined,
        { timeout: LIMITS.actionMs },
      );
    }
    await bert.at('toolbar-share').click();
    for (const person of [anna, cleo]) {
      await person.page
        .locator('video[data-source="screen"]')
        .waitFor({ state: 'detached', timeout: LIMITS.actionMs });
    }
  });
});

describe('a recording', () => {
  test('is announced to everyone, and to whoever comes later before entering', async () => {
    await anna.at('toolbar-record').click();
    const startedAt = Date.now();
    for (const person of everyone()) {
      await person.at('rec-indicator').waitFor({ timeout: LIMITS.actionMs });
      expect(await person.at('rec-indicator').textContent()).toContain(OWNER.name);
    }
    await anna.at('copy-invite').click();
    const link = await anna.page.evaluate(() => navigator.clipboard.readText());
    const late = await Person.arrive('Late');
    await late.page.goto(link);
    await late.at('recording-warning').waitFor();
    await late.goAway();
    await anna.page.waitForTimeout(Math.max(0, 20_000 - (Date.now() - startedAt)));
    await anna.at('toolbar-record').click();
    recordedMs = Date.now() - startedAt;
    for (const person of everyone()) {
      await person.at('rec-indicator').waitFor({ state: 'detached', timeout: LIMITS.actionMs });
    }
  });

  test('ends with the meeting, for all, and is ready soon', async () => {
    await anna.at('toolbar-end').click();
    await anna.at('confirm-end').click();
    const endedAt = Date.now();
    for (const guest of [bert, cleo]) {
      await guest.at('meeting-over').waitFor({ timeout: LIMITS.actionMs });
    }
    await anna.page.waitForURL(/\/sessions\//, { timeout: LIMITS.actionMs });
    sessionUrl = anna.page.url();
    await anna.at('recording-video').waitFor({ timeout: LIMITS.recordingReadyMs });
    const tookMs = Date.now() - endedAt;
    console.log(`figure: recording shown ${tookMs} ms after the end`);
    expect(tookMs).toBeLessThanOrEqual(LIMITS.recordingReadyMs);
  });

  test('plays and seeks in the page', async () => {
    const video = anna.at('recording-video');
    await video.evaluate(async (element: HTMLVideoElement) => {
      element.muted = true;
      await element.play();
      const moved = new Promise((resolve) => element.addEventListener('seeked', resolve));
      element.currentTime = element.duration / 2;
      await moved;
    });
    await anna.page.waitForFunction(() => {
      const element = document.querySelector<HTMLVideoElement>(
        '[data-testid="recording-video"]',
      );
      return element !== null && element.currentTime > element.duration / 2 + 0.5;
    });
  });

  test('holds every picture and tone, in the right length, and its hashes verify', async () => {
    const files = await filesOf(server, sessionUrl);
    const composed = files.download('composed');
    const streams = probe(composed);
    expect(streams.codecs.sort()).toEqual(['aac', 'h264']);
    console.log(`figure: ${streams.durationMs} ms in the file, ${recordedMs} ms between the clicks`);
    expect(Math.abs(streams.durationMs - files.recording.health.duration_ms)).toBeLessThan(300);
    expect(Math.abs(streams.durationMs - recordedMs)).toBeLessThan(LIMITS.durationMs);
    expect(coloursInVideo(composed)).toEqual(['blue', 'green', 'red']);
    const tones = audioTones(composed, ALL_TONES);
    console.log(`figure: tones in the file ${tones.map(Math.round)} dB over the rest`);
    for (const level of tones) {
      expect(level).toBeGreaterThan(HEARD_IN_FILE_DB);
    }
    const tracks = files.recording.files.filter((file) => file.kind === 'track');
    expect(tracks.length).toBeGreaterThanOrEqual(6);
    for (const track of tracks) {
      const alone = probe(files.fetch(track));
      expect(alone.codecs).toHaveLength(1);
      expect(alone.durationMs).toBeGreaterThan(10_000);
    }
    expect(files.recording.health.entries_missing).toBe(0);
    await server.verify(files.recording.id);
  });

  test('and the figures of the node add up', async () => {
    // A shard publishes its figures once a second; the room is closed, so nothing moves any more.
    const figure = (name: string) => server.metric(`colloquy_sfu_${name}`);
    const [came, accepted, dropped, forwarded, recorded, lost] = await Promise.all([
      figure('packets_in_total'),
      figure('packets_accepted_total'),
      figure('packets_dropped_total'),
      figure('packets_forwarded_total'),
      figure('packets_recorded_total'),
      figure('tape_entries_lost_total'),
    ]);
    console.log(
      `figure: ${came} packets in = ${accepted} accepted + ${dropped} dropped; ` +
        `${forwarded} copies forwarded, ${recorded} recorded`,
    );
    expect(came).toBe(accepted + dropped);
    expect(forwarded).toBeGreaterThan(0);
    expect(lost).toBe(0);
    const { recording } = await filesOf(server, sessionUrl);
    expect(recording.health.packets_recorded).toBe(recorded);
    expect(await figure('caught_panics_total')).toBe(0);
  });

  test('is all there after a restart', async () => {
    const before = await filesOf(server, sessionUrl);
    await server.restart();
    const after = await filesOf(server, sessionUrl);
    expect(after.recording.files.map((file) => file.sha256)).toEqual(
      before.recording.files.map((file) => file.sha256),
    );
    expect(probe(after.download('composed')).codecs.sort()).toEqual(['aac', 'h264']);
  });

  test('left no warning that nobody can act on', () => {
    const warnings = server.log
      .split('\n')
      .filter((line) => / WARN | ERROR |"level":"(WARN|ERROR)"/.test(line));
    expect(warnings).toEqual([]);
    for (const person of everyone()) {
      expect(person.complaints).toEqual([]);
    }
  });
});
