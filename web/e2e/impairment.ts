// A bad network between one person and the server: `colloquy bench impair`, led by JSON lines.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

import type { Page } from 'playwright-core';

import { binary, type Server } from './server.ts';

/** Where the relays listen: loopback, and not where the server is. */
export const RELAY_IP = '127.0.0.2';
/** Where the server is. */
const SERVER_IP = '127.0.0.1';

/** One direction of a line. What is left out stays as it was. */
export interface Path {
  readonly loss_ppm?: number;
  readonly delay_ms?: number;
  readonly jitter_ms?: number;
  readonly blackout?: boolean;
  readonly rate_bps?: number;
  /** How long a packet waits for its turn on a line with a rate; longer, it is lost. */
  readonly queue_ms?: number;
}

export class Impairment {
  #process: ChildProcess;
  /** Resolved once the process has ended, by itself too. */
  #ended: Promise<unknown>;
  #lines: AsyncIterator<string>;
  #reader: Interface;
  #tcpPort = 0;

  private constructor(process: ChildProcess, reader: Interface) {
    this.#process = process;
    this.#ended = new Promise((resolve) => process.once('exit', resolve));
    // An order that cannot be written gets no answer, and that is what fails.
    process.stdin?.on('error', () => undefined);
    this.#reader = reader;
    this.#lines = reader[Symbol.asyncIterator]();
  }

  /** Relays pages and media of whoever is sent here: see {@link flags} and {@link goAroundRelay}. */
  static async between(server: Server): Promise<Impairment> {
    const media = server.mediaPort;
    const child = spawn(
      binary(),
      [
        'bench',
        'impair',
        `--udp=${RELAY_IP}:${media}=${SERVER_IP}:${media}`,
        `--tcp=${RELAY_IP}:0=${SERVER_IP}:${new URL(server.url).port}`,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const reader = createInterface({ input: child.stdout });
    const impairment = new Impairment(child, reader);
    const first = (await impairment.#answer()) as { listening: { tcp: string[] } };
    impairment.#tcpPort = Number(first.listening.tcp[0]?.split(':').at(-1));
    return impairment;
  }

  /** What makes a browser reach the pages of `server` over the relay, under the address as ever. */
  flags(server: Server): string[] {
    const { host } = new URL(server.url);
    return [`--host-resolver-rules=MAP ${host} ${RELAY_IP}:${this.#tcpPort}`];
  }

  /** Changes the line in both directions. */
  async set(path: Path): Promise<void> {
    await this.#order({ set: 'all', up: path, down: path });
  }

  /** The server sees media from another address, as after Wi-Fi to mobile. */
  async changeAddress(): Promise<void> {
    await this.#order({ rebind: 'all' });
  }

  async close(): Promise<void> {
    this.#process.stdin?.end();
    await this.#ended;
    this.#reader.close();
  }

  async #order(order: object): Promise<unknown> {
    this.#process.stdin?.write(`${JSON.stringify(order)}\n`);
    return this.#answer();
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done === true) {
      throw new Error('colloquy bench impair ended');
    }
    const answer = JSON.parse(value) as { error?: string };
    if (answer.error !== undefined) {
      throw new Error(`colloquy bench impair: ${answer.error}`);
    }
    return answer;
  }
}

/** Lets a page's connections reach the server itself, at the address that it tells nobody. */
export async function goAroundRelay(page: Page): Promise<void> {
  await page.addInitScript(
    ([relay, server]) => {
      type Set = (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
      const setRemoteDescription = RTCPeerConnection.prototype.setRemoteDescription as Set;
      const setDirect: Set = function (description) {
        const sdp = (description.sdp ?? '').replaceAll(` ${relay} `, ` ${server} `);
        return setRemoteDescription.call(this, { ...description, sdp });
      };
      RTCPeerConnection.prototype.setRemoteDescription = setDirect as RTCPeerConnection['setRemoteDescription'];
    },
    [RELAY_IP, SERVER_IP] as const,
  );
}
