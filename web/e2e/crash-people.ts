// People in meetings while the server is killed: one browser, a tab for each, a camera that shows
// the time. What each tab shows is taken down before and after, and nobody clicks in between.

import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

import { CHROMIUM, FLAGS } from './browser.ts';
import { CLOCK_CAMERA, installClockCamera } from './crash-clock.ts';
import { OWNER, type Server } from './server.ts';

/** What a person sees of a meeting, and what others see of them: all of it stays as it was. */
export interface Surroundings {
  /** Everyone on the list: identity, name with role, muted or not. */
  readonly roster: readonly string[];
  /** The tiles in their places. */
  readonly tiles: readonly string[];
  /** Whose picture flows in which slot of the page. */
  readonly pictures: readonly string[];
  /** What the microphone's and the camera's buttons offer. */
  readonly buttons: readonly string[];
  /** Who started the recording that is announced, without its clock. */
  readonly recording: string;
}

/** A person in a tab. */
export class Attendee {
  readonly name: string;
  readonly page: Page;
  readonly complaints: string[] = [];
  /** Silent since they entered. */
  isMuted = false;
  #link: string;

  constructor(name: string, page: Page, link: string) {
    this.name = name;
    this.page = page;
    this.#link = link;
    page.on('pageerror', (error) => this.complaints.push(String(error)));
  }

  #at(testId: string) {
    return this.page.getByTestId(testId);
  }

  /** Through the link into the room. */
  async enter(): Promise<void> {
    this.isMuted = false;
    await this.page.goto(this.#link);
    await this.#at('preview-join').waitFor();
    const name = this.#at('preview-name');
    if (await name.isVisible()) {
      await name.fill(this.name);
    }
    await this.#at('preview-join').click();
    await this.#at('toolbar-people').click();
    await this.#at('roster').waitFor();
  }

  async mute(): Promise<void> {
    await this.#at('toolbar-mute').click();
    this.isMuted = true;
  }

  /** Waits until the recording is announced. */
  async isToldOfRecording(): Promise<void> {
    await this.#at('rec-indicator').waitFor();
  }

  /** Closes the meeting's page, as one who gives up on it. */
  async goAway(): Promise<void> {
    await this.page.goto('about:blank');
  }

  async surroundings(): Promise<Surroundings> {
    return this.page.evaluate(() => {
      const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
      const button = (name: string) => all(`[data-testid="toolbar-${name}"]`).map((each) => each.innerText.trim());
      return {
        roster: all('[data-testid="roster-item"]').map(
          (item) => `${item.dataset['participant']} ${item.innerText.replaceAll(/\s+/g, ' ').trim()} muted=${item.dataset['muted']}`,
        ),
        tiles: all('[data-testid="tile"]').map(
          (tile) => `${tile.dataset['participant']} self=${tile.dataset['self']} muted=${tile.dataset['muted']}`,
        ),
        pictures: all('video[data-participant]').map(
          (video) => `${video.dataset['participant']} ${video.dataset['source']}`,
        ),
        buttons: [...button('mute'), ...button('camera')],
        recording: all('[data-testid="rec-indicator"]')
          .map((mark) => mark.innerText.replaceAll(/[\d:]/g, '').replaceAll(/\s+/g, ' ').trim())
          .join(),
      };
    });
  }

  /** Waits until the pictures of so many others move. */
  async sees(others: number): Promise<void> {
    await this.page.waitForFunction(
      (count) =>
        [...document.querySelectorAll<HTMLVideoElement>('video[data-participant]')].filter(
          (video) => video.dataset['self'] !== 'true' && video.currentTime > 0.2,
        ).length === count,
      others,
    );
  }

  /**
   * When this person is back: on the page's own clock (milliseconds since the epoch), the first
   * moment after the loss at which nothing says that the connection is lost, everyone is on the
   * list, the recording is announced, and the picture of each of the others has moved. Begun
   * before the kill. Nobody clicks meanwhile.
   */
  async isBack(others: number, withinMs: number): Promise<number> {
    return this.page.evaluate(
      async ([count, patience]) => {
        const end = Date.now() + patience;
        const lost = () =>
          /lost|interrupted|get through/.test(
            document.querySelector<HTMLElement>('[data-testid="connection-banner"]')?.innerText ?? '',
          );
        const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
        const late = (what: string) => {
          if (Date.now() > end) throw new Error(`${what} within ${patience} ms`);
        };
        while (!lost()) {
          late('the loss is not noticed');
          await turn();
        }
        const framesBefore = new Map<string, number>();
        const moved = new Set<string>();
        for (;;) {
          late(`not back (${document.body.innerText.slice(0, 400)})`);
          const videos = [...document.querySelectorAll<HTMLVideoElement>('video[data-participant]')].filter(
            (video) => video.dataset['self'] !== 'true',
          );
          for (const video of videos) {
            const who = video.dataset['participant'] ?? '';
            const { totalVideoFrames } = video.getVideoPlaybackQuality();
            const before = framesBefore.get(who);
            framesBefore.set(who, totalVideoFrames);
            if (!lost() && before !== undefined && totalVideoFrames !== before && totalVideoFrames > 0) moved.add(who);
          }
          const roster = document.querySelectorAll('[data-testid="roster-item"]').length;
          const told = document.querySelector('[data-testid="rec-indicator"]') !== null;
          if (!lost() && told && roster === count + 1 && videos.length === count && moved.size === count) {
            return Date.now();
          }
          await turn();
        }
      },
      [others, withinMs] as const,
    );
  }
}

/** A room and the people in it. */
export interface Meeting {
  readonly id: string;
  readonly title: string;
  readonly people: readonly Attendee[];
}

/** One browser with everybody in it. */
export class Crowd {
  readonly meetings: Meeting[] = [];
  #browser: Browser;
  #owner: BrowserContext;
  #server: Server;

  private constructor(browser: Browser, owner: BrowserContext, server: Server) {
    this.#browser = browser;
    this.#owner = owner;
    this.#server = server;
  }

  /** Opens the browser and signs the owner in. */
  static async arrive(server: Server): Promise<Crowd> {
    const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: [...FLAGS] });
    const owner = await context(browser);
    const page = await owner.newPage();
    await page.goto(`${server.url}/sign-in`);
    await page.getByTestId('sign-in-email').fill(OWNER.email);
    await page.getByTestId('sign-in-password').fill(OWNER.password);
    await page.getByTestId('sign-in-submit').click();
    await page.getByTestId('start-meeting').waitFor();
    await page.close();
    return new Crowd(browser, owner, server);
  }

  /** The owner, as host, and guests enter a room; the last guest mutes. */
  async meet(room: { id: string; title: string; invite_url: string }, guests: readonly string[]): Promise<Meeting> {
    const host = new Attendee(OWNER.name, await this.#owner.newPage(), `${this.#server.url}/rooms/${room.id}`);
    const people = [host];
    for (const name of guests) {
      const guest = await context(this.#browser);
      people.push(new Attendee(name, await guest.newPage(), room.invite_url));
    }
    const meeting = { id: room.id, title: room.title, people };
    this.meetings.push(meeting);
    await enter(meeting);
    return meeting;
  }

  get people(): Attendee[] {
    return this.meetings.flatMap(({ people }) => people);
  }

  async goAway(): Promise<void> {
    await this.#browser.close();
  }
}

/** Everyone of a meeting enters, until each sees all others; the last one mutes. */
export async function enter(meeting: Meeting): Promise<void> {
  for (const person of meeting.people) {
    await person.enter();
  }
  await meeting.people.at(-1)?.mute();
  await Promise.all(meeting.people.map((person) => person.sees(meeting.people.length - 1)));
}

async function context(browser: Browser): Promise<BrowserContext> {
  const made = await browser.newContext({
    viewport: { width: 960, height: 600 },
    permissions: ['camera', 'microphone'],
  });
  made.setDefaultTimeout(30_000);
  await made.addInitScript(installClockCamera, CLOCK_CAMERA);
  return made;
}
