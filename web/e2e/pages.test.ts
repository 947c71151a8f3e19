// Every page, in light and dark, at a desk and on a phone: no serious accessibility fault, no
// sideways scrolling, and a picture of each for whoever wants to look (COLLOQUY_SCREENSHOTS).

import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Look, Person } from './browser.ts';
import { COLOURS } from './camera.ts';
import { endAll } from './ending.ts';
import { Server } from './server.ts';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const SCREENSHOTS = process.env['COLLOQUY_SCREENSHOTS'];

const DESK = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

const LOOKS: Record<string, Look> = {
  'light-desk': { colorScheme: 'light', viewport: DESK },
  'dark-desk': { colorScheme: 'dark', viewport: DESK },
  'light-phone': { colorScheme: 'light', viewport: PHONE },
  'dark-phone': { colorScheme: 'dark', viewport: PHONE },
};

let server: Server;
let owner: Person;

beforeAll(async () => {
  server = await Server.start({ owner: false });
  owner = await Person.arrive('Olga', { colour: COLOURS.blue, toneHz: 523 });
});

afterAll(async () => {
  await endAll(() => owner?.goAway(), () => server?.dispose());
});

interface Fault {
  id: string;
  impact: string;
  help: string;
  nodes: { target: string[]; html: string }[];
}

async function inspect(person: Person, name: string): Promise<void> {
  for (const [lookName, look] of Object.entries(LOOKS)) {
    await person.page.emulateMedia({ colorScheme: look.colorScheme ?? null });
    await person.page.setViewportSize(look.viewport ?? DESK);
    await person.page.waitForFunction(() =>
      document.getAnimations().every((animation) => animation.playState !== 'running'),
    );
    if (SCREENSHOTS !== undefined) {
      mkdirSync(SCREENSHOTS, { recursive: true });
      await person.page.screenshot({ path: join(SCREENSHOTS, `${name}-${lookName}.png`) });
    }
    const sideways = await person.page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(sideways, `${name} ${lookName} scrolls sideways`).toBeLessThanOrEqual(0);
    await person.page.evaluate(() => {
      (globalThis as { axe?: unknown }).axe = undefined;
    });
    await person.page.addScriptTag({ path: AXE }).catch(async () => {
      // The pages' own policy forbids foreign script tags; the debugger may still evaluate it.
      const { readFileSync } = await import('node:fs');
      await person.page.evaluate(readFileSync(AXE, 'utf8'));
    });
    const faults = await person.page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: Fault[] }> };
      };
      return (await axe.run()).violations;
    });
    const serious = faults
      .filter((fault) => fault.impact === 'serious' || fault.impact === 'critical')
      .map((fault) => `${fault.id}: ${fault.help}: ${fault.nodes.map((node) => node.html).join(' | ')}`);
    expect(serious, `${name} ${lookName}`).toEqual([]);
  }
  await person.page.setViewportSize(DESK);
}

describe('every page', () => {
  test('first run', async () => {
    await owner.page.goto(server.setupUrl);
    await owner.at('setup-name').waitFor();
    await inspect(owner, 'setup');
    await owner.setUp(server);
  });

  test('home', async () => {
    await inspect(owner, 'home');
  });

  test('preview and room', async () => {
    await owner.at('start-meeting').click();
    await owner.at('preview-join').waitFor();
    await inspect(owner, 'preview');
    await owner.at('preview-join').click();
    await owner.at('toolbar-leave').waitFor();
    await inspect(owner, 'room-alone');
  });

  test('guest preview, without camera and microphone, and a room of two', async () => {
    await owner.at('copy-invite').click();
    const link = await owner.page.evaluate(() => navigator.clipboard.readText());
    await owner.at('toolbar-record').click();
    await owner.at('rec-indicator').waitFor();
    const guest = await Person.arrive('Gil');
    await guest.page.goto(link);
    await guest.at('recording-warning').waitFor();
    await inspect(guest, 'guest-preview-no-devices');
    await guest.at('preview-name').fill('Gil');
    await guest.at('preview-join').click();
    await guest.at('toolbar-leave').waitFor();
    await guest.page.locator('video[data-participant]').first().waitFor();
    await inspect(guest, 'room-guest');
    await owner.at('toolbar-people').click();
    await inspect(owner, 'room-people');
    await guest.at('toolbar-leave').click();
    await guest.at('meeting-over').waitFor();
    await inspect(guest, 'left');
    await guest.goAway();
  });

  test('the recording page', async () => {
    await owner.at('toolbar-end').click();
    await owner.at('confirm-end').click();
    await owner.at('recording-video').waitFor({ timeout: 20_000 });
    await inspect(owner, 'session');
  });

  test('home with a past meeting, sign-in, not found', async () => {
    await owner.page.goto(server.url);
    await owner.at('start-meeting').waitFor();
    await inspect(owner, 'home-with-meetings');
    const stranger = await Person.arrive('Stranger');
    await stranger.page.goto(`${server.url}/sign-in`);
    await stranger.at('sign-in-email').waitFor();
    await inspect(stranger, 'sign-in');
    await stranger.page.goto(`${server.url}/no/such/page`);
    await stranger.at('not-found').waitFor();
    await inspect(stranger, 'not-found');
    await stranger.page.goto(`${server.url}/j/nonsense`);
    await stranger.at('invite-unknown').waitFor();
    await inspect(stranger, 'invite-unknown');
    await stranger.goAway();
  });
});
