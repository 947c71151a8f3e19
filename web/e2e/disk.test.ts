// The server's disk is full while a meeting is recorded: the host reads it at once and what to do,
// everyone sees it at the recording mark, and when there is room again it is over by itself.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { Person } from './browser.ts';
import { COLOURS } from './camera.ts';
import { endAll } from './ending.ts';
import { Server } from './server.ts';

/** Where pictures of the pages go, for people to look at; none are kept when it is not set. */
const SCREENSHOTS = process.env['COLLOQUY_SCREENSHOTS'];

const PHONE = { width: 360, height: 740 };

let server: Server;
let host: Person;
let guest: Person;

beforeAll(async () => {
  server = await Server.start({ owner: true });
  [host, guest] = await Promise.all([
    Person.arrive('Olga', { colour: COLOURS.red, toneHz: 440 }, { colorScheme: 'light' }),
    Person.arrive('Gus', undefined, { colorScheme: 'dark', viewport: PHONE }),
  ]);
});

afterAll(async () => {
  await endAll(() => host?.goAway(), () => guest?.goAway(), () => server?.dispose());
});

async function look(person: Person, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await person.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

test('a full disk is told to the host at once, shown to everyone, and over when there is room', async () => {
  await host.signIn(server);
  const link = await host.startMeeting();
  await guest.joinBy(link);
  await host.at('toolbar-record').click();
  for (const person of [host, guest]) {
    await person.at('rec-indicator').waitFor();
  }

  const fullAt = Date.now();
  await server.limitFiles(1);
  const banner = host.at('recording-trouble');
  await banner.waitFor();
  console.log(`figure: the host reads it ${Date.now() - fullAt} ms after the disk was full`);
  expect(await banner.getAttribute('role')).toBe('alert');
  expect(await banner.textContent()).toMatch(/Nothing is recorded since .+: the server's disk is full\..*free some space/);
  for (const person of [host, guest]) {
    const mark = person.page.locator('[data-testid="rec-indicator"][data-trouble="disk_full"]');
    await mark.waitFor();
    expect(await mark.textContent()).toContain("Not recording the server's disk is full");
  }
  // Guests cannot do anything about it: they see the mark and are told once.
  expect(await guest.at('recording-trouble').count()).toBe(0);
  expect(await guest.at('announcement').textContent()).toContain('Recording is interrupted');
  await look(host, 'disk-full-host');
  await look(guest, 'disk-full-guest-phone');
  await host.page.setViewportSize(PHONE);
  await host.page.emulateMedia({ colorScheme: 'dark' });
  await look(host, 'disk-full-host-phone-dark');
  const tooWide = await host.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  expect(tooWide).toBe(false);

  await server.limitFiles('unlimited');
  await banner.waitFor({ state: 'detached' });
  for (const person of [host, guest]) {
    await person.page.locator('[data-testid="rec-indicator"]:not([data-trouble])').waitFor();
    await person.page.waitForFunction(
      () => document.querySelector('[data-testid="announcement"]')?.textContent?.includes('Recording goes on'),
    );
  }
  await look(guest, 'disk-free-guest-phone');
});
