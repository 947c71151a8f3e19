// A whole meeting without a mouse: every control is reached by Tab and worked by Enter or Space.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { Person } from './browser.ts';
import { COLOURS } from './camera.ts';
import { endAll } from './ending.ts';
import { OWNER, Server } from './server.ts';

/** More presses than any page has controls. */
const MOST_TABS = 80;

let server: Server;
let olga: Person;
let gil: Person;

beforeAll(async () => {
  server = await Server.start({ owner: true });
  [olga, gil] = await Promise.all([
    Person.arrive('Olga', { colour: COLOURS.red, toneHz: 523 }),
    Person.arrive('Gil', { colour: COLOURS.green, toneHz: 784 }),
  ]);
});

afterAll(async () => {
  await endAll(() => olga?.goAway(), () => gil?.goAway(), () => server?.dispose());
});

/** Presses Tab until the control has the focus, and checks that the focus can be seen. */
async function tabTo(person: Person, testId: string): Promise<void> {
  await person.at(testId).waitFor();
  for (let press = 0; press < MOST_TABS; press += 1) {
    await person.page.keyboard.press('Tab');
    const focused = await person.page.evaluate((wanted) => {
      const element = document.activeElement;
      return element?.closest('[data-testid]')?.getAttribute('data-testid') === wanted;
    }, testId);
    if (focused) {
      const visible = await person.page.evaluate(() => {
        const style = getComputedStyle(document.activeElement ?? document.body);
        return style.outlineStyle !== 'none' || style.boxShadow !== 'none' || style.borderColor !== '';
      });
      expect(visible, `focus on ${testId} can be seen`).toBe(true);
      return;
    }
  }
  throw new Error(`${testId} was not reached in ${MOST_TABS} presses of Tab`);
}

async function press(person: Person, testId: string): Promise<void> {
  await tabTo(person, testId);
  await person.page.keyboard.press('Enter');
}

async function type(person: Person, testId: string, text: string): Promise<void> {
  await tabTo(person, testId);
  await person.page.keyboard.press('Control+A');
  await person.page.keyboard.type(text);
}

test('sign in, start, join, mute, share, record, end: all by keyboard', async () => {
  await olga.page.goto(`${server.url}/sign-in`);
  await type(olga, 'sign-in-email', OWNER.email);
  await type(olga, 'sign-in-password', OWNER.password);
  await press(olga, 'sign-in-submit');
  await press(olga, 'start-meeting');
  await press(olga, 'preview-join');
  await press(olga, 'copy-invite');
  const link = await olga.page.evaluate(() => navigator.clipboard.readText());

  await gil.page.goto(link);
  await type(gil, 'preview-name', 'Gil');
  await press(gil, 'preview-join');
  await gil.page.locator('video[data-participant]:not([data-self="true"])').first().waitFor();

  await press(gil, 'toolbar-mute');
  await olga.page.locator('[data-testid="tile"][data-muted="true"]').first().waitFor();
  await press(gil, 'toolbar-camera');
  await press(gil, 'toolbar-camera');
  await press(gil, 'toolbar-share');
  await olga.page.locator('video[data-source="screen"]').waitFor();
  await press(gil, 'toolbar-share');
  await olga.page.locator('video[data-source="screen"]').waitFor({ state: 'detached' });

  await press(olga, 'toolbar-record');
  await gil.at('rec-indicator').waitFor();
  await press(olga, 'toolbar-people');
  await olga.at('roster').waitFor();
  await press(olga, 'toolbar-record');
  await gil.at('rec-indicator').waitFor({ state: 'detached' });
  await press(olga, 'toolbar-end');
  await press(olga, 'confirm-end');
  await gil.at('meeting-over').waitFor();
  await olga.page.waitForURL(/\/sessions\//);
});
