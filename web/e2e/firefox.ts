// A person at a Firefox: one process with made-up devices, led over Marionette, the protocol that
// Firefox itself speaks on a TCP port: `length:[0, number, command, parameters]`, answered by
// `length:[1, number, error, result]`.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const FIREFOX = process.env['COLLOQUY_FIREFOX'] ?? '/usr/bin/firefox-esr';

/** Longest from start to a browser that takes orders. */
const READY_WITHIN_MS = 60_000;
/** Longest that a script of ours may take. */
const SCRIPT_WITHIN_MS = 60_000;
/** How often a page is asked for what is waited for. */
const ASKED_EVERY_MS = 100;

const PREFERENCES: Record<string, boolean | number | string> = {
  // The port is written into the profile.
  'marionette.port': 0,
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  'media.gmp-manager.updateEnabled': false,
  'app.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
  'browser.shell.checkDefaultBrowser': false,
};

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Firefox {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #profile: string;
  #socket: Socket | undefined;
  #received = Buffer.alloc(0);
  #number = 0;
  readonly #waiting = new Map<number, Waiting>();

  private constructor(name: string) {
    this.name = name;
    this.#profile = mkdtempSync(join(tmpdir(), 'colloquy-firefox-'));
    const lines = Object.entries(PREFERENCES).map(
      ([preference, value]) => `user_pref(${JSON.stringify(preference)}, ${JSON.stringify(value)});\n`,
    );
    writeFileSync(join(this.#profile, 'user.js'), lines.join(''));
    this.#process = spawn(
      FIREFOX,
      ['-headless', '-no-remote', '-marionette', '-profile', this.#profile, '-width', '960', '-height', '700'],
      { stdio: 'ignore' },
    );
    this.#ended = new Promise((resolve) => this.#process.once('exit', resolve));
  }

  /** Opens a browser. */
  static async arrive(name: string): Promise<Firefox> {
    const firefox = new Firefox(name);
    try {
      await firefox.#connect();
      await firefox.#order('WebDriver:NewSession', {});
      await firefox.#order('WebDriver:SetTimeouts', { script: SCRIPT_WITHIN_MS });
      return firefox;
    } catch (error) {
      await firefox.goAway();
      throw error;
    }
  }

  async goto(url: string): Promise<void> {
    await this.#order('WebDriver:Navigate', { url });
  }

  /** Runs a function in the page and answers what it gives. */
  async evaluate<A, R>(act: (argument: A) => R | Promise<R>, argument: A): Promise<R> {
    const script = `
      const [argument, done] = [arguments[0], arguments[arguments.length - 1]];
      Promise.resolve(argument).then(${act.toString()}).then(
        (value) => done({ value: value ?? null }),
        (error) => done({ error: String(error) }),
      );`;
    const answer = (await this.#order('WebDriver:ExecuteAsyncScript', { script, args: [argument] })) as {
      value: { value?: R; error?: string };
    };
    if (answer.value.error !== undefined) throw new Error(answer.value.error);
    return answer.value.value as R;
  }

  /** Waits until a function in the page gives true. */
  async waitFor<A>(act: (argument: A) => boolean, argument: A, withinMs: number): Promise<number> {
    const began = Date.now();
    while (!(await this.evaluate(act, argument))) {
      if (Date.now() - began > withinMs) throw new Error(`${this.name} waited ${withinMs} ms for ${act.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, ASKED_EVERY_MS));
    }
    return Date.now() - began;
  }

  async click(testId: string): Promise<void> {
    await this.#order('WebDriver:ElementClick', { id: await this.#find(testId) });
  }

  async fill(testId: string, text: string): Promise<void> {
    const id = await this.#find(testId);
    await this.#order('WebDriver:ElementClear', { id });
    await this.#order('WebDriver:ElementSendKeys', { id, text });
  }

  /** Through the invite link into the room. */
  async joinBy(link: string, withinMs: number): Promise<void> {
    await this.goto(link);
    await this.waitFor(isThere, 'preview-name', withinMs);
    await this.evaluate(keepPeers, null);
    await this.fill('preview-name', this.name);
    await this.click('preview-join');
    await this.waitFor(isThere, 'toolbar-leave', withinMs);
  }

  async goAway(): Promise<void> {
    this.#socket?.destroy();
    this.#process.kill('SIGTERM');
    await this.#ended;
    rmSync(this.#profile, { recursive: true, force: true });
  }

  async #find(testId: string): Promise<string> {
    const found = (await this.#order('WebDriver:FindElement', {
      using: 'css selector',
      value: `[data-testid="${testId}"]`,
    })) as { value: Record<string, string> };
    return Object.values(found.value)[0] ?? '';
  }

  async #connect(): Promise<void> {
    const port = await this.#port();
    const socket = connect(port, '127.0.0.1');
    this.#socket = socket;
    const greeting = new Promise<unknown>((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
    socket.on('data', (bytes) => this.#read(bytes));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error(`${this.name}'s Firefox hung up`)));
    await greeting;
  }

  async #port(): Promise<number> {
    const began = Date.now();
    for (;;) {
      try {
        const port = Number(readFileSync(join(this.#profile, 'MarionetteActivePort'), 'utf8'));
        if (port > 0) return port;
      } catch {
        // It is not written yet.
      }
      if (this.#process.exitCode !== null) throw new Error(`${FIREFOX} ended with ${this.#process.exitCode}`);
      if (Date.now() - began > READY_WITHIN_MS) throw new Error(`${FIREFOX} was not ready within ${READY_WITHIN_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, ASKED_EVERY_MS));
    }
  }

  #order(command: string, parameters: object): Promise<unknown> {
    this.#number += 1;
    const number = this.#number;
    const text = Buffer.from(JSON.stringify([0, number, command, parameters]));
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#socket?.write(Buffer.concat([Buffer.from(`${text.length}:`), text]));
    });
  }

  #read(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const colon = this.#received.indexOf(':');
      if (colon < 0) return;
      const end = colon + 1 + Number(this.#received.subarray(0, colon).toString());
      if (this.#received.length < end) return;
      this.#take(JSON.parse(this.#received.subarray(colon + 1, end).toString()));
      this.#received = this.#received.subarray(end);
    }
  }

  /** The greeting is an object of its own; everything else is an answer. */
  #take(message: [number, number, { message?: string } | null, unknown] | object): void {
    const [, number, error, result] = Array.isArray(message) ? message : [1, 0, null, message];
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (error === null) waiting?.resolve(result);
    else waiting?.reject(new Error(`${this.name}'s Firefox: ${error.message ?? JSON.stringify(error)}`));
  }

  #fail(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

declare global {
  interface Window {
    __peers?: RTCPeerConnection[];
  }
}

/** From now on the page's connections can be asked for what they count. Runs in a page. */
function keepPeers(): void {
  const peers: RTCPeerConnection[] = [];
  window.__peers = peers;
  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      peers.push(this);
    }
  };
}

/** Whether an element is in the page, for {@link Firefox.waitFor}. */
export function isThere(testId: string): boolean {
  return document.querySelector(`[data-testid="${testId}"]`) !== null;
}
