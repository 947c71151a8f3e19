// A network that lets no UDP through: Ada's media goes over TCP, and nobody notices.

import { connect, createServer, type Server as Relay, type Socket } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { Person } from './browser.ts';
import { COLOURS } from './camera.ts';
import { endAll } from './ending.ts';
import { goAroundRelay, RELAY_IP } from './impairment.ts';
import { LIMITS } from './limits.ts';
import { colourName, fluency, watch } from './senses.ts';
import { Server } from './server.ts';
import { placeWitness } from './witness.ts';

const WATCHED_MS = 3_000;

let server: Server;
let relay: Relay;
const streams = new Set<Socket>();
let ada: Person;
let ben: Person;

/** Passes TCP on to the server's media port. At its address nobody takes UDP. */
async function relayTcp(port: number): Promise<Relay> {
  const listener = createServer((from) => {
    const to = connect(port, '127.0.0.1');
    for (const [socket, other] of [[from, to], [to, from]] as const) {
      streams.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        streams.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(port, RELAY_IP, resolve);
  });
  return listener;
}

beforeAll(async () => {
  server = await Server.start({ owner: true, mediaAt: RELAY_IP });
  relay = await relayTcp(server.mediaPort);
  [ada, ben] = await Promise.all([
    Person.arrive('Ada', { colour: COLOURS.red, toneHz: 523 }),
    Person.arrive('Ben', { colour: COLOURS.green, toneHz: 784 }),
  ]);
  await goAroundRelay(ben.page);
  for (const person of [ada, ben]) await placeWitness(person.page);
  await ben.signIn(server);
  const link = await ben.startMeeting();
  await ada.joinBy(link);
});

afterAll(async () => {
  await endAll(
    () => ada?.goAway(),
    () => ben?.goAway(),
    async () => {
      for (const socket of streams) socket.destroy();
      await new Promise((resolve) => (relay === undefined ? resolve(undefined) : relay.close(resolve)));
    },
    () => server?.dispose(),
  );
});

/** By which protocol a page's media goes. */
async function protocolOf(person: Person): Promise<string> {
  return person.page.evaluate(async () => {
    const report = await window.__book?.peers.at(-1)?.getStats();
    const entries: Record<string, unknown>[] = [];
    report?.forEach((entry: Record<string, unknown>) => entries.push(entry));
    const transport = entries.find((entry) => entry['type'] === 'transport');
    const pair = entries.find((entry) => entry['id'] === transport?.['selectedCandidatePairId']);
    const remote = entries.find((entry) => entry['id'] === pair?.['remoteCandidateId']);
    return String(remote?.['protocol']);
  });
}

test('both see each other move', async () => {
  for (const [seer, colour] of [[ada, 'green'], [ben, 'red']] as const) {
    await seer.page.waitForFunction(
      () =>
        [...document.querySelectorAll<HTMLVideoElement>('video[data-self="false"]')].some(
          (video) => video.videoWidth > 0 && video.currentTime > 1,
        ),
      undefined,
      { timeout: LIMITS.picturesMs },
    );
    const [sight] = await watch(seer.page, WATCHED_MS);
    const flow = fluency(sight?.seen ?? []);
    console.log(`figure: without UDP, ${seer.name} sees ${(flow.share * 100).toFixed(0)} % of ${flow.made} frames`);
    expect(colourName(sight?.colour ?? [0, 0, 0])).toBe(colour);
    expect(flow.share).toBeGreaterThanOrEqual(LIMITS.frameShare);
  }
});

test('one over TCP, the other over UDP', async () => {
  expect(await protocolOf(ada)).toBe('tcp');
  expect(await protocolOf(ben)).toBe('udp');
  expect([...ada.complaints, ...ben.complaints]).toEqual([]);
});
