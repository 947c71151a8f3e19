// A person at a browser: one Chromium process with a camera and a microphone of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

import { type Colour, writeCamera, writeMicrophone } from './camera.ts';
import { OWNER, type Server } from './server.ts';

export const CHROMIUM = process.env['COLLOQUY_CHROMIUM'] ?? '/usr/bin/chromium';

export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--auto-select-desktop-capture-source=Entire screen',
  '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection',
];

export interface Devices {
  readonly colour: Colour;
  readonly toneHz: number;
  /** The camera takes all the bits that it may. */
  readonly noisy?: boolean;
}

export interface Look {
  readonly colorScheme?: 'light' | 'dark';
  readonly viewport?: { width: number; height: number };
  /** Further arguments of the browser. */
  readonly flags?: readonly string[];
}

export class Person {
  readonly name: string;
  readonly page: Page;
  /** What the page said to its console as an error. */
  readonly complaints: string[] = [];
  #browser: Browser;
  #directory: string;

  private constructor(name: string, page: Page, browser: Browser, directory: string) {
    this.name = name;
    this.page = page;
    this.#browser = browser;
    this.#directory = directory;
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') {
        this.complaints.push(message.text());
      }
    });
  }

  /** Opens a browser. Without devices it has no camera and no microphone. */
  static async arrive(name: string, devices?: Devices, look: Look = {}): Promise<Person> {
    const directory = mkdtempSync(join(tmpdir(), 'colloquy-person-'));
    const flags = [...FLAGS, ...(look.flags ?? [])];
    if (devices !== undefined) {
      const camera = join(directory, 'camera.y4m');
      const microphone = join(directory, 'microphone.wav');
      writeCamera(camera, devices.colour, devices.noisy);
      writeMicrophone(microphone, devices.toneHz);
      flags.push(
        `--use-file-for-fake-video-capture=${camera}`,
        `--use-file-for-fake-audio-capture=${microphone}`,
      );
    } else {
      flags.push('--use-fake-device-for-media-stream=device-count=0');
    }
    const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: flags });
    const context: BrowserContext = await browser.newContext({
      viewport: look.viewport ?? { width: 960, height: 600 },
      colorScheme: look.colorScheme ?? 'light',
      permissions: ['camera', 'microphone', 'clipboard-read', 'clipboard-write'],
    });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    return new Person(name, page, browser, directory);
  }

  /** By its stable name. */
  at(testId: string) {
    return this.page.getByTestId(testId);
  }

  /** Through the printed one-time link: the first account. */
  async setUp(server: Server): Promise<void> {
    await this.page.goto(server.setupUrl);
    await this.at('setup-name').fill(OWNER.name);
    await this.at('setup-email').fill(OWNER.email);
    await this.at('setup-password').fill(OWNER.password);
    await this.at('setup-submit').click();
    await this.at('start-meeting').waitFor();
  }

  async signIn(server: Server): Promise<void> {
    await this.page.goto(`${server.url}/sign-in`);
    await this.at('sign-in-email').fill(OWNER.email);
    await this.at('sign-in-password').fill(OWNER.password);
    await this.at('sign-in-submit').click();
    await this.at('start-meeting').waitFor();
  }

  /** From the home page into a new meeting. Returns the invite link. */
  async startMeeting(): Promise<string> {
    await this.at('start-meeting').click();
    await this.at('preview-join').click();
    await this.at('toolbar-leave').waitFor();
    await this.at('copy-invite').click();
    const link = await this.page.evaluate(() => navigator.clipboard.readText());
    if (!link.includes('/j/')) {
      throw new Error(`not an invite link: ${link}`);
    }
    return link;
  }

  /** Through the invite link into the room. */
  async joinBy(link: string): Promise<void> {
    await this.page.goto(link);
    await this.at('preview-name').fill(this.name);
    await this.at('preview-join').click();
    await this.at('toolbar-leave').waitFor();
  }

  async goAway(): Promise<void> {
    await this.#browser.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
